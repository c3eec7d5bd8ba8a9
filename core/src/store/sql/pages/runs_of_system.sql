-- Lists the other runs of a run's system on the same version that were ever published, evaluated last first.
-- ?1 run, ?2 rows
SELECT
  r.id, r.status, r.evaluator_relationship, r.evaluated_at, r.published_at, s.tasks, s.clusters, s.correct,
  s.total, s.score, s.squares, s.cost_usd, s.uncosted, s.p50_ms, s.p95_ms,
  s.standard_error, s.interval_low, s.interval_high
FROM runs AS o
  CROSS JOIN runs AS r
    ON r.benchmark_id = o.benchmark_id
    AND r.version = o.version
    AND r.system_id = o.system_id
    AND r.published_at IS NOT NULL
    AND r.id <> o.id
  LEFT JOIN run_slices AS s ON s.run_id = r.id AND s.scenario = '' AND s.language = '' AND s.difficulty = ''
WHERE o.id = ?1
ORDER BY r.evaluated_at DESC, r.id DESC
LIMIT ?2
