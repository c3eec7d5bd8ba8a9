-- The mails of person ?1, without their texts, newest first: ?2 rows at most, from before time ?3 and id ?4.
SELECT kind, created_at, sent_at, created_at AS place_at, id AS place_id
FROM outbox
WHERE user_id = ?1 AND (created_at, id) < (?3, ?4)
ORDER BY created_at DESC, id DESC
LIMIT ?2
