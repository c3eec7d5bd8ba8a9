-- Queues a mail to the owner of each leaked key that is active at ?2. It comes before `revoke.sql`.
-- ?1 an array of objects with the members hash (SHA-256 in hexadecimal digits), mailId, mail and payload (hexadecimal
-- digits).
INSERT INTO outbox (id, kind, payload, created_at, next_attempt_at, recipient, user_id)
SELECT leak.value ->> 'mailId', leak.value ->> 'mail', unhex(leak.value ->> 'payload'), ?2, ?2, u.email, u.id
FROM json_each(?1) AS leak
CROSS JOIN api_keys AS k ON k.key_hash = unhex(leak.value ->> 'hash')
  AND k.status = 'active' AND (k.expires_at IS NULL OR k.expires_at > ?2)
JOIN users AS u ON u.id = k.user_id
