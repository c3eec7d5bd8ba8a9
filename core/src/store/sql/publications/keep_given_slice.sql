-- Keeps the score that a source publishes of a run, and no slices. Nothing is known of clusters, and nothing passed.
-- ?1 run
INSERT INTO run_slices (
  run_id, scenario, language, difficulty, tasks, clusters, correct, total, score, squares, cost_usd, uncosted,
  standard_error, interval_low, interval_high
)
SELECT
  ?1, '', '', '', coalesce(g.tasks, v.task_count), 0, 0, coalesce(g.samples, 0), g.score, 0, g.cost_usd,
  g.cost_usd IS NULL, g.standard_error, g.interval_low, g.interval_high
FROM run_given_scores AS g
  JOIN runs AS r ON r.id = g.run_id
  JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version
WHERE g.run_id = ?1
