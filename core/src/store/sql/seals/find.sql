-- Finds a seal, the published run that has it, and its leaf in the log.
-- ?1 seal
SELECT
  s.id, s.owner_id, s.model_id, s.system_id, s.agent_name, s.agent_version, s.configuration, s.benchmark_id, s.version,
  s.harness, s.harness_version, s.commit_hash, s.tasks, s.attempts, s.stopping_rule, s.note, s.series, s.ordinal,
  s.sealed_at, s.act, r.id AS run_id, l.idx AS log_index,
  coalesce(hm.hidden_reason, hb.hidden_reason) AS hidden_reason
FROM seals AS s
  JOIN models AS hm ON hm.id = s.model_id
  JOIN benchmarks AS hb ON hb.id = s.benchmark_id
  LEFT JOIN runs AS r ON r.seal_id = s.id AND r.published_at IS NOT NULL
  LEFT JOIN log_leaves AS l ON l.change_id = s.id
WHERE s.id = ?1
