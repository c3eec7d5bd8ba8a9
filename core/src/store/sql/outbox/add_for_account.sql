-- Queues mail ?1 for the address ?2, where it has an account that is verified (?6 is 1) or not (?6 is 0; either where
-- null), and got fewer than ?7 of the kind within the hour. ?3 is its kind, ?4 its payload, ?5 the time.
INSERT INTO outbox (id, kind, payload, created_at, next_attempt_at, recipient, user_id)
SELECT ?1, ?3, ?4, ?5, ?5, email, id
FROM users
WHERE email = ?2 AND (?6 IS NULL OR email_verified = ?6)
  AND (
    SELECT count(*) FROM outbox AS o WHERE o.recipient = ?2 AND o.created_at > ?5 - 3600000 AND o.kind = ?3
  ) < ?7
