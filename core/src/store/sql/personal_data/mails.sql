-- The mails of person ?1, without their texts, newest first: ?2 rows at most, after the first ?3.
SELECT kind, created_at, sent_at
FROM outbox
WHERE user_id = ?1
ORDER BY created_at DESC, id DESC
LIMIT ?2 OFFSET ?3
