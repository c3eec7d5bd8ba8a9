-- Loads scores that sources publish.
-- ?1 rows of run_given_scores, as a JSON array of objects
INSERT INTO run_given_scores (
  run_id, score, standard_error, interval_low, interval_high, tasks, samples, cost_usd, mean_latency_ms
)
SELECT
  value ->> 'run_id', value ->> 'score', value ->> 'standard_error', value ->> 'interval_low',
  value ->> 'interval_high', value ->> 'tasks', value ->> 'samples', value ->> 'cost_usd',
  value ->> 'mean_latency_ms'
FROM json_each(?1)
