-- Lists the runs of a model that were ever published, published last first. Of their long texts it reads only what is told.
-- ?1 model, ?2 benchmark, any where null, ?3 and ?4 time and id of the run that the page before ended with, ?5 rows
SELECT
  r.id, r.model_id, r.system_id, r.agent_name, r.agent_version, r.configuration, r.links, r.benchmark_id,
  r.version,
  r.harness, r.harness_version, r.evaluator_relationship, r.started_at, r.evaluated_at, r.status, r.reason,
  r.published_at, r.withdrawn_at, v.metric, v.direction, v.unit, v.bounds, s.tasks, s.clusters,
  s.correct, s.total, s.score, s.squares, s.cost_usd, s.uncosted, s.p50_ms, s.p95_ms, s.standard_error,
  s.interval_low, s.interval_high, e.run_id IS NOT NULL AS current, coalesce(e.ranked, 0) AS ranked
FROM runs AS r
  JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version
  LEFT JOIN run_slices AS s ON s.run_id = r.id AND s.scenario = '' AND s.language = '' AND s.difficulty = ''
  LEFT JOIN leaderboard_entries AS e ON e.run_id = r.id AND e.to_seq IS NULL
  JOIN benchmarks AS b ON b.id = r.benchmark_id
WHERE r.model_id = ?1
  AND r.published_at IS NOT NULL
  AND b.hidden_reason IS NULL
  AND (?2 IS NULL OR r.benchmark_id = ?2)
  AND (r.published_at, r.id) < (?3, ?4)
ORDER BY r.published_at DESC, r.id DESC
LIMIT ?5
