-- Lists the scores that a run has on the tasks of one scenario, one language or one difficulty. It looks each value of the
-- version up, so that it does not walk over the slices of several dimensions.
-- ?1 run, ?2 rows
SELECT
  s.scenario, s.language, s.difficulty, s.tasks, s.clusters, s.correct, s.total, s.score, s.squares, s.cost_usd,
  s.uncosted, s.p50_ms, s.p95_ms, s.standard_error, s.interval_low, s.interval_high
FROM runs AS r
  CROSS JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version
  CROSS JOIN json_each(v.slices) AS d
  CROSS JOIN json_each(d.value) AS w
  CROSS JOIN run_slices AS s
    ON s.run_id = r.id
    AND s.scenario = CASE d.key WHEN 'scenario' THEN w.value ELSE '' END
    AND s.language = CASE d.key WHEN 'language' THEN w.value ELSE '' END
    AND s.difficulty = CASE d.key WHEN 'difficulty' THEN w.value ELSE '' END
WHERE r.id = ?1
ORDER BY s.scenario, s.language, s.difficulty
LIMIT ?2
