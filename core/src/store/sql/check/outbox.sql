-- Finds mail that is neither waiting with its text, nor sent, nor given up for a reason.
-- ?1 rows
SELECT 'mail ' || id || ' neither waits, nor was sent, nor was given up' AS problem
FROM outbox
WHERE (next_attempt_at IS NOT NULL AND (sent_at IS NOT NULL OR payload IS NULL))
  OR (next_attempt_at IS NULL AND sent_at IS NULL AND (last_error IS NULL OR payload IS NOT NULL))
  OR attempts < 0
  OR (sent_at IS NOT NULL AND sent_at < created_at)
ORDER BY id
LIMIT CAST(?1 AS INTEGER)
