-- Queues a mail to the owner of each key of ?1 that expires after ?2, has no successor, and was not told of since it was
-- found, where its owner wants to be told. It comes before note_expiring.sql.
-- ?1 an array of objects with the members id, expiresAt, days, mailId, mail and payload (hexadecimal digits).
INSERT INTO outbox (id, kind, payload, created_at, next_attempt_at, recipient, user_id)
SELECT n.value ->> 'mailId', n.value ->> 'mail', unhex(n.value ->> 'payload'), ?2, ?2, u.email, u.id
FROM json_each(?1) AS n
  CROSS JOIN api_keys AS k ON k.id = n.value ->> 'id'
  CROSS JOIN users AS u ON u.id = k.user_id
WHERE k.reminder_at <= ?2 AND k.expires_at > ?2 AND k.expires_at = n.value ->> 'expiresAt'
  AND NOT EXISTS (SELECT 1 FROM api_keys AS s WHERE s.rotated_from = k.id)
  AND u.tell_key_expiry = 1 AND u.status = 'active'
