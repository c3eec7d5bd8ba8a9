-- The person of the mailed link ?1 has used it at ?2: their address, which it was mailed to, is deliverable. That is
-- remembered for ?3 ms, also where nothing was told of it: a provider may tell late of what happened before.
INSERT INTO undeliverable_addresses (email, user_id, since, event_at, event_id, verified_at, expires_at)
SELECT u.email, u.id, CAST(?2 AS INTEGER), 0, '', CAST(?2 AS INTEGER), CAST(?2 + ?3 AS INTEGER)
FROM one_time_tokens AS t
  JOIN users AS u ON u.id = t.user_id
WHERE t.hash = ?1
ON CONFLICT (email) DO UPDATE SET
  user_id = excluded.user_id, cause = NULL, verified_at = excluded.verified_at, tried_at = NULL, tried_mail = NULL,
  asked_at = NULL, expires_at = excluded.expires_at
