-- Lists the mails that were given up, those that were asked for last first: ?3 rows at most, from before time ?1 and id ?2.
SELECT
  id, recipient, kind, user_id, created_at, attempts, next_attempt_at, sent_at, last_error, payload IS NOT NULL AS has_text
FROM outbox INDEXED BY outbox_given_up
WHERE next_attempt_at IS NULL AND sent_at IS NULL AND (created_at, id) < (?1, ?2)
ORDER BY created_at DESC, id DESC
LIMIT ?3
