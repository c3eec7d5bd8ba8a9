-- Lists the mails to the address ?1, newest first; 200 at most.
SELECT id, recipient, payload, created_at
FROM outbox
WHERE recipient = ?1
ORDER BY created_at DESC, id DESC
LIMIT 200
