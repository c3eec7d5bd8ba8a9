-- Queues, at ?2, that each key of ?1 expires, for each webhook of its owner that is told of such and has fewer than ?3 that wait, or
-- are of the last hour: of keys that have no successor, and that nobody was told of since they were found. It comes before key_notices/note_expiring.sql.
-- ?1 an array of objects with the members id, event, userId, expiresAt (as it was found) and data (an object with apiKeyId).
INSERT INTO webhook_deliveries (webhook_id, id, event, data, created_at, next_attempt_at)
SELECT w.id, n.value ->> 'id', n.value ->> 'event', n.value -> 'data', ?2, ?2
FROM json_each(?1) AS n
  CROSS JOIN api_keys AS k ON k.id = n.value ->> '$.data.apiKeyId'
  CROSS JOIN webhooks AS w ON w.user_id = k.user_id
WHERE w.status = 'enabled'
  AND EXISTS (SELECT 1 FROM json_each(w.events) AS e WHERE e.value = n.value ->> 'event')
  AND (
    SELECT count(*) FROM webhook_deliveries AS d WHERE d.webhook_id = w.id AND d.next_attempt_at IS NOT NULL
  ) < ?3
  AND (
    SELECT count(*) FROM webhook_deliveries AS h WHERE h.webhook_id = w.id AND h.created_at > ?2 - 3600000
  ) < ?3
  AND k.reminder_at <= ?2 AND k.expires_at > ?2 AND k.expires_at = n.value ->> 'expiresAt'
  AND NOT EXISTS (SELECT 1 FROM api_keys AS s WHERE s.rotated_from = k.id)
