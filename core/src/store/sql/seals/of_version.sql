-- Lists the seals of a version, newest first, those of hidden models left out.
-- ?1 benchmark, ?2 number of the seal that the page before ended with, ?3 rows, ?4 model and ?5 'sealed' or 'opened', any
-- where null, ?6 version
SELECT
  s.id, s.owner_id, s.model_id, s.system_id, s.agent_name, s.agent_version, s.configuration, s.benchmark_id, s.version,
  s.harness, s.harness_version, s.commit_hash, s.tasks, s.attempts, s.stopping_rule, s.note, s.series, s.ordinal,
  s.sealed_at, s.act, r.id AS run_id, l.idx AS log_index,
  NULL AS hidden_reason
FROM seals AS s
  CROSS JOIN models AS hm ON hm.id = s.model_id AND hm.hidden_reason IS NULL
  LEFT JOIN runs AS r ON r.seal_id = s.id AND r.published_at IS NOT NULL
  LEFT JOIN log_leaves AS l ON l.change_id = s.id
WHERE s.benchmark_id = ?1
  AND s.version = ?6
  AND s.act < ?2
  AND (?4 IS NULL OR s.model_id = ?4)
  AND (?5 IS NULL OR (r.id IS NOT NULL) = (?5 = 'opened'))
ORDER BY s.act DESC
LIMIT ?3
