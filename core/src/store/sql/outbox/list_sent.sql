-- Lists the mails that were sent, those that were asked for last first: ?3 rows at most, from before time ?1 and id ?2.
SELECT
  id, recipient, kind, user_id, created_at, attempts, next_attempt_at, sent_at, last_error, payload IS NOT NULL AS has_text
FROM outbox
WHERE sent_at IS NOT NULL AND (created_at, id) < (?1, ?2)
ORDER BY created_at DESC, id DESC
LIMIT ?3
