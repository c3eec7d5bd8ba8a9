-- Loads slices of runs.
-- ?1 rows of run_slices, as a JSON array of objects
INSERT INTO run_slices (
  run_id, scenario, language, difficulty, tasks, clusters, correct, total, score, squares, cost_usd, uncosted,
  p50_ms, p95_ms, standard_error, interval_low, interval_high
)
SELECT
  value ->> 'run_id', value ->> 'scenario', value ->> 'language', value ->> 'difficulty', value ->> 'tasks',
  value ->> 'clusters', value ->> 'correct', value ->> 'total', value ->> 'score', value ->> 'squares',
  value ->> 'cost_usd', value ->> 'uncosted', value ->> 'p50_ms', value ->> 'p95_ms',
  value ->> 'standard_error', value ->> 'interval_low', value ->> 'interval_high'
FROM json_each(?1)
