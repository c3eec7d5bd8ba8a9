-- Lists the scores that a run has on the tasks of one scenario, one language or one difficulty.
-- ?1 run, ?2 rows
SELECT
  scenario, language, difficulty, tasks, clusters, correct, total, score, squares, cost_usd, uncosted, p50_ms, p95_ms,
  standard_error, interval_low, interval_high
FROM run_slices
WHERE run_id = ?1 AND (scenario <> '') + (language <> '') + (difficulty <> '') = 1
ORDER BY scenario, language, difficulty
LIMIT ?2
