-- Finds mail ?1, but for its text.
SELECT
  id, recipient, kind, user_id, created_at, attempts, next_attempt_at, sent_at, last_error, payload IS NOT NULL AS has_text
FROM outbox
WHERE id = ?1
