-- Loads counts.
-- ?1 rows of run_counts, as a JSON array of objects
INSERT INTO run_counts (run_id, total, correct_by_attempt, cost_usd, mean_latency_ms)
SELECT
  value ->> 'run_id', value ->> 'total', value ->> 'correct_by_attempt', value ->> 'cost_usd',
  value ->> 'mean_latency_ms'
FROM json_each(?1)
