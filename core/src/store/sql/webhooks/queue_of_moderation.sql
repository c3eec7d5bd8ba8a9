-- Queues what moderation ?1 did, at ?2, for each webhook of the owner of the model or benchmark that is told of such and has fewer than
-- ?3 that wait, or are of the last hour. It comes after the moderation's line in the public log, whose id is the event's; where there is none, nothing
-- was done.
INSERT INTO webhook_deliveries (webhook_id, id, event, data, created_at, next_attempt_at)
SELECT w.id, n.id, n.event, n.data, ?2, ?2
FROM (
  SELECT
    m.id,
    CASE WHEN m.model_id IS NULL THEN 'benchmark.moderated' ELSE 'model.moderated' END AS event,
    CASE
      WHEN m.model_id IS NULL THEN (SELECT b.owner_id FROM benchmarks AS b WHERE b.id = m.benchmark_id)
      ELSE (SELECT o.owner_id FROM models AS o WHERE o.id = m.model_id)
    END AS owner_id,
    json_object(
      'kind', m.kind, 'model', m.model_id, 'benchmark', m.benchmark_id, 'name', m.name, 'reason', m.reason
    ) AS data
  FROM moderations AS m
  WHERE m.id = ?1
) AS n
  CROSS JOIN webhooks AS w ON w.user_id = n.owner_id
WHERE w.status = 'enabled'
  AND EXISTS (SELECT 1 FROM json_each(w.events) AS e WHERE e.value = n.event)
  AND (
    SELECT count(*) FROM webhook_deliveries AS d WHERE d.webhook_id = w.id AND d.next_attempt_at IS NOT NULL
  ) < ?3
  AND (
    SELECT count(*) FROM webhook_deliveries AS h WHERE h.webhook_id = w.id AND h.created_at > ?2 - 3600000
  ) < ?3
