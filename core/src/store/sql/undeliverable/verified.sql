-- The person of the mailed link ?1 has used it at ?2: their address, which it was mailed to, is deliverable. That is
-- remembered for ?3 ms.
UPDATE undeliverable_addresses SET
  cause = NULL, verified_at = ?2, tried_at = NULL, tried_mail = NULL, asked_at = NULL, expires_at = ?2 + ?3
WHERE cause IS NOT NULL
  AND email = (SELECT u.email FROM one_time_tokens AS t JOIN users AS u ON u.id = t.user_id WHERE t.hash = ?1)
