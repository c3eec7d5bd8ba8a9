-- Lists a run's results, by task and attempt.
-- ?1 run, ?2 and ?3 task and attempt that the page before ended with, ?4 rows
SELECT
  task_id, attempt, status, score, samples, correct, latency_ms, input_tokens, output_tokens, cost_usd, parts
FROM results
WHERE run_id = ?1 AND (task_id, attempt) > (?2, ?3)
ORDER BY task_id, attempt
LIMIT ?4
