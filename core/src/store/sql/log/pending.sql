-- Lists lines of the log of changes after its last leaf, oldest first, of what is hidden too.
-- Of each it has what the API tells, under the names of the views public_changes,
-- moderation_changes and seal_changes.
-- ?1 lines
WITH last AS MATERIALIZED (
  SELECT seq, act
  FROM log_leaves
  WHERE idx = (SELECT max(idx) FROM log_leaves)
)
SELECT *
FROM (
  SELECT
    c.seq, 0 AS act, n.id, c.kind, n.created_at, c.benchmark_id, n.version, c.model_id, c.system_id,
    r.agent_name, r.agent_version, r.configuration, c.run_id, c.reason, c.previous_run_id, c.current_run_id,
    c.rank_before, c.rank_after, c.moved, NULL AS name, r.seal_id
  FROM changes AS c
    CROSS JOIN snapshots AS n ON n.seq = c.seq
    CROSS JOIN runs AS r ON r.id = c.run_id
  WHERE c.seq > coalesce((SELECT seq FROM last), 0)
  ORDER BY c.seq
  LIMIT ?1
)
UNION ALL
SELECT *
FROM (
  SELECT
    o.after_seq AS seq, o.seq AS act, o.id, o.kind, o.created_at, o.benchmark_id, NULL AS version, o.model_id,
    NULL AS system_id, NULL AS agent_name, NULL AS agent_version, NULL AS configuration, NULL AS run_id, o.reason,
    NULL AS previous_run_id, NULL AS current_run_id, NULL AS rank_before, NULL AS rank_after, '[]' AS moved, o.name,
    NULL AS seal_id
  FROM moderations AS o
  WHERE (o.after_seq, o.seq) > (coalesce((SELECT seq FROM last), -1), coalesce((SELECT act FROM last), 0))
  ORDER BY o.after_seq, o.seq
  LIMIT ?1
)
UNION ALL
SELECT *
FROM (
  SELECT
    s.after_seq AS seq, s.act, s.id, 'sealed' AS kind, s.sealed_at AS created_at, s.benchmark_id, s.version,
    s.model_id, s.system_id, s.agent_name, s.agent_version, s.configuration, NULL AS run_id, NULL AS reason,
    NULL AS previous_run_id, NULL AS current_run_id, NULL AS rank_before, NULL AS rank_after, '[]' AS moved,
    NULL AS name, s.id AS seal_id
  FROM seals AS s
  WHERE (s.after_seq, s.act) > (coalesce((SELECT seq FROM last), -1), coalesce((SELECT act FROM last), 0))
  ORDER BY s.after_seq, s.act
  LIMIT ?1
)
ORDER BY seq, act
LIMIT ?1
