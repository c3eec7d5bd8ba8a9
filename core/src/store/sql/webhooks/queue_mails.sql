-- Queues a mail to the owner of each webhook of ?1 that note_webhooks.sql has just disabled, at ?2, where they got fewer than ?3 of
-- the kind within a day. Returns a row for each.
-- ?1 as in note_deliveries.sql
INSERT INTO outbox (id, kind, payload, created_at, next_attempt_at, recipient, user_id)
SELECT m.id, m.kind, unhex(m.payload), ?2, ?2, m.email, m.user_id
FROM (
  SELECT
    n.value ->> 'mailId' AS id, n.value ->> 'mail' AS kind, n.value ->> 'payload' AS payload, u.email, u.id AS user_id,
    row_number() OVER (PARTITION BY u.id ORDER BY w.id) AS place
  FROM json_each(?1) AS n
    CROSS JOIN webhooks AS w ON w.id = n.value ->> 'webhookId'
    CROSS JOIN users AS u ON u.id = w.user_id
  WHERE n.value ->> 'mailId' IS NOT NULL
    AND w.status = 'disabled' AND w.disabled_at = ?2 AND w.disabled_reason IN ('failing', 'gone')
) AS m
WHERE m.place + (
    SELECT count(*) FROM outbox AS o WHERE o.recipient = m.email AND o.created_at > ?2 - 86400000 AND o.kind = m.kind
  ) <= ?3
RETURNING 1
