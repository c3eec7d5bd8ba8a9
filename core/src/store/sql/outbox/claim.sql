-- Takes what is due at ?1, ?2 mails at most, and puts off the next attempt: by 30 s, doubling up to 4 h. A crash between
-- this and the sending so loses nothing. Tells of each why its address is undeliverable, where it is.
UPDATE outbox SET
  attempts = attempts + 1,
  next_attempt_at = ?1 + min(14400000, 30000 * (1 << min(attempts, 9)))
WHERE id IN (SELECT id FROM outbox WHERE next_attempt_at <= ?1 ORDER BY next_attempt_at LIMIT ?2)
RETURNING
  id, recipient, kind, payload, attempts,
  (SELECT a.cause FROM undeliverable_addresses AS a WHERE a.email = outbox.recipient) AS undeliverable
