-- Queues, at ?2, that a key of each person of ?1 reached its limit, for each webhook of theirs that is told of such and has fewer than
-- ?3 that wait, or are of the last hour: of people who were not told within ?4 ms. It comes before key_notices/note_limited.sql.
-- ?1 an array of objects with the members id, event, userId and data (an object).
INSERT INTO webhook_deliveries (webhook_id, id, event, data, created_at, next_attempt_at)
SELECT w.id, n.value ->> 'id', n.value ->> 'event', n.value -> 'data', ?2, ?2
FROM json_each(?1) AS n
  CROSS JOIN users AS u ON u.id = n.value ->> 'userId'
  CROSS JOIN webhooks AS w ON w.user_id = u.id
WHERE w.status = 'enabled'
  AND EXISTS (SELECT 1 FROM json_each(w.events) AS e WHERE e.value = n.value ->> 'event')
  AND (
    SELECT count(*) FROM webhook_deliveries AS d WHERE d.webhook_id = w.id AND d.next_attempt_at IS NOT NULL
  ) < ?3
  AND (
    SELECT count(*) FROM webhook_deliveries AS h WHERE h.webhook_id = w.id AND h.created_at > ?2 - 3600000
  ) < ?3
  AND (u.told_of_limit_at IS NULL OR u.told_of_limit_at <= ?2 - ?4)
