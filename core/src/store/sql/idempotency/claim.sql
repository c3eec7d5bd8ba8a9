-- Claims key ?2 of caller ?1, where nobody has it: nobody sent it, whoever claimed it never fulfilled that, or its answer
-- is forgotten at ?5.
-- ?3 the request's fingerprint; ?4 the claim's id; ?5 the time now; ?6 until when it keeps others out; ?7 when it is
-- forgotten.
INSERT INTO idempotent_requests (caller, key, fingerprint, claim, claimed_until, expires_at)
VALUES (?1, ?2, ?3, ?4, ?6, ?7)
ON CONFLICT (caller, key) DO UPDATE SET
  fingerprint = excluded.fingerprint,
  claim = excluded.claim,
  claimed_until = excluded.claimed_until,
  expires_at = excluded.expires_at,
  status = NULL,
  answer = NULL
WHERE expires_at <= ?5 OR (status IS NULL AND claimed_until <= ?5)
