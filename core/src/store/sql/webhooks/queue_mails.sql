-- Queues a mail to the owner of each webhook of ?1 that note_webhooks.sql has just disabled, at ?2. Returns a row for each.
-- ?1 as in note_deliveries.sql
INSERT INTO outbox (id, kind, payload, created_at, next_attempt_at, recipient, user_id)
SELECT n.value ->> 'mailId', n.value ->> 'mail', unhex(n.value ->> 'payload'), ?2, ?2, u.email, u.id
FROM json_each(?1) AS n
  CROSS JOIN webhooks AS w ON w.id = n.value ->> 'webhookId'
  CROSS JOIN users AS u ON u.id = w.user_id
WHERE n.value ->> 'mailId' IS NOT NULL
  AND w.status = 'disabled' AND w.disabled_at = ?2 AND w.disabled_reason IN ('failing', 'gone')
RETURNING 1
