-- Lists the mails that were asked for after ?1, newest first; 200 at most.
SELECT id, recipient, payload, created_at
FROM outbox
WHERE created_at > ?1
ORDER BY created_at DESC, id DESC
LIMIT 200
