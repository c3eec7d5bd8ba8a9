-- Lists the mails that wait to be sent, those that were asked for last first: ?3 rows at most, from before time ?1 and
-- id ?2. Few wait: they are sorted.
SELECT
  id, recipient, kind, user_id, created_at, attempts, next_attempt_at, sent_at, last_error, payload IS NOT NULL AS has_text
FROM outbox INDEXED BY outbox_due
WHERE next_attempt_at > 0 AND (created_at, id) < (?1, ?2)
ORDER BY created_at DESC, id DESC
LIMIT ?3
