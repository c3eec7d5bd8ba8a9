-- Queues what became of run ?1 with the snapshot ?2, at ?3, for each webhook of its owner that is told of such and has fewer
-- than ?4 that wait, or are of the last hour. It comes after the line in the log of changes, whose id is the event's.
INSERT INTO webhook_deliveries (webhook_id, id, event, data, created_at, next_attempt_at)
SELECT w.id, ?2, n.event, n.data, ?3, ?3
FROM (
  SELECT
    r.owner_id,
    CASE c.kind WHEN 'withdrawn' THEN 'run.withdrawn' WHEN 'rejected' THEN 'run.rejected' ELSE 'run.published' END AS event,
    json_object(
      'runId', r.id, 'model', r.model_id, 'systemId', c.system_id, 'benchmark', r.benchmark_id, 'version', r.version,
      'reason', c.reason, 'rankBefore', c.rank_before, 'rankAfter', c.rank_after
    ) AS data
  FROM snapshots AS s
    CROSS JOIN changes AS c ON c.seq = s.seq
    CROSS JOIN runs AS r ON r.id = ?1
  WHERE s.id = ?2
) AS n
  CROSS JOIN webhooks AS w ON w.user_id = n.owner_id
WHERE w.status = 'enabled'
  AND EXISTS (SELECT 1 FROM json_each(w.events) AS e WHERE e.value = n.event)
  AND (
    SELECT count(*) FROM webhook_deliveries AS d WHERE d.webhook_id = w.id AND d.next_attempt_at IS NOT NULL
  ) < ?4
  AND (
    SELECT count(*) FROM webhook_deliveries AS h WHERE h.webhook_id = w.id AND h.created_at > ?3 - 3600000
  ) < ?4
