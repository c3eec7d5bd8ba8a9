-- Queues a mail to each person of ?1 who wants to be told of limits and was not within ?3 ms before ?2. It comes before
-- note_limited.sql.
-- ?1 an array of objects with the members userId (each once), mailId, mail and payload (hexadecimal digits).
INSERT INTO outbox (id, kind, payload, created_at, next_attempt_at, recipient, user_id)
SELECT n.value ->> 'mailId', n.value ->> 'mail', unhex(n.value ->> 'payload'), ?2, ?2, u.email, u.id
FROM json_each(?1) AS n
  CROSS JOIN users AS u ON u.id = n.value ->> 'userId'
WHERE u.tell_key_limits = 1 AND u.status = 'active'
  AND (u.told_of_limit_at IS NULL OR u.told_of_limit_at <= ?2 - ?3)
