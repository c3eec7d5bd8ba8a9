-- Keeps the score of a run's counts: the last attempt's passes, and no slices.
-- ?1 run
INSERT INTO run_slices (
  run_id, scenario, language, difficulty, tasks, clusters, correct, total, score, squares, cost_usd, uncosted
)
SELECT
  ?1, '', '', '', total, total, passes, total, passes * 1.0 / total, passes * (total - passes) * 1.0 / total,
  cost_usd, cost_usd IS NULL
FROM (
  SELECT total, cost_usd, correct_by_attempt ->> (json_array_length(correct_by_attempt) - 1) AS passes
  FROM run_counts
  WHERE run_id = ?1
)
