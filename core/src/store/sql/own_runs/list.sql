-- Lists the runs that person ?1 opened, newest first: ?4 rows at most, from before time ?2 and id ?3, of status ?5, or
-- of any where it is null.
SELECT
  r.id, r.model_id, r.system_id, r.agent_name, r.agent_version, r.configuration, r.benchmark_id, r.version, r.status,
  r.reason, r.created_at, r.published_at, v.metric, v.direction, v.unit, v.bounds, s.score
FROM runs AS r
  JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version
  LEFT JOIN run_slices AS s ON s.run_id = r.id AND s.scenario = '' AND s.language = '' AND s.difficulty = ''
WHERE r.owner_id = ?1 AND (r.created_at, r.id) < (?2, ?3) AND (?5 IS NULL OR r.status = ?5)
ORDER BY r.created_at DESC, r.id DESC
LIMIT ?4
