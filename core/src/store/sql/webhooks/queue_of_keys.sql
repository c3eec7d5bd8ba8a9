-- Queues, at ?2, that each key of ?1 is revoked that is active until then, for each webhook of its owner that is told of such and has
-- fewer than ?3 that wait, or are of the last hour. It comes before the keys are revoked.
-- ?1 an array of objects with the members id (the event's), keyId and reason.
INSERT INTO webhook_deliveries (webhook_id, id, event, data, created_at, next_attempt_at)
SELECT
  w.id, n.value ->> 'id', 'api_key.revoked',
  json_object('apiKeyId', k.id, 'name', k.name, 'keyPrefix', k.key_prefix, 'reason', n.value ->> 'reason'), ?2, ?2
FROM json_each(?1) AS n
  CROSS JOIN api_keys AS k ON k.id = n.value ->> 'keyId'
  CROSS JOIN webhooks AS w ON w.user_id = k.user_id
WHERE k.status = 'active' AND w.status = 'enabled'
  AND EXISTS (SELECT 1 FROM json_each(w.events) AS e WHERE e.value = 'api_key.revoked')
  AND (
    SELECT count(*) FROM webhook_deliveries AS d WHERE d.webhook_id = w.id AND d.next_attempt_at IS NOT NULL
  ) < ?3
  AND (
    SELECT count(*) FROM webhook_deliveries AS h WHERE h.webhook_id = w.id AND h.created_at > ?2 - 3600000
  ) < ?3
