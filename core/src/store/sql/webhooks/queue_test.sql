-- Queues event ?1, which person ?3 asked for, at ?4, for webhook ?2 of theirs, where that is enabled and fewer than ?5 wait, or
-- are of the last hour. Returns a row where it is queued.
INSERT INTO webhook_deliveries (webhook_id, id, event, data, created_at, next_attempt_at)
SELECT w.id, ?1, 'webhook.test', json_object('webhookId', w.id), ?4, ?4
FROM webhooks AS w
WHERE w.id = ?2 AND w.user_id = ?3 AND w.status = 'enabled'
  AND (
    SELECT count(*) FROM webhook_deliveries AS d WHERE d.webhook_id = w.id AND d.next_attempt_at IS NOT NULL
  ) < ?5
  AND (
    SELECT count(*) FROM webhook_deliveries AS h WHERE h.webhook_id = w.id AND h.created_at > ?4 - 3600000
  ) < ?5
RETURNING 1
