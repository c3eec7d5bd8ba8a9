-- Queues event ?1, that run ?2 was rejected before it was published, at ?3, for each webhook of its owner that is told of such
-- and has fewer than ?4 that wait, or are of the last hour.
INSERT INTO webhook_deliveries (webhook_id, id, event, data, created_at, next_attempt_at)
SELECT
  w.id, ?1, 'run.rejected',
  json_object(
    'runId', r.id, 'model', r.model_id, 'systemId', r.system_id, 'benchmark', r.benchmark_id, 'version', r.version,
    'reason', r.reason, 'rankBefore', NULL, 'rankAfter', NULL
  ),
  ?3, ?3
FROM runs AS r
  CROSS JOIN webhooks AS w ON w.user_id = r.owner_id
WHERE r.id = ?2 AND w.status = 'enabled'
  AND EXISTS (SELECT 1 FROM json_each(w.events) AS e WHERE e.value = 'run.rejected')
  AND (
    SELECT count(*) FROM webhook_deliveries AS d WHERE d.webhook_id = w.id AND d.next_attempt_at IS NOT NULL
  ) < ?4
  AND (
    SELECT count(*) FROM webhook_deliveries AS h WHERE h.webhook_id = w.id AND h.created_at > ?3 - 3600000
  ) < ?4
