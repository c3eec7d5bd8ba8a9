-- Loads results.
-- ?1 rows of results, as a JSON array of objects
INSERT INTO results (
  run_id, task_id, attempt, status, score, samples, correct, latency_ms, input_tokens, output_tokens,
  cost_usd, parts
)
SELECT
  value ->> 'run_id', value ->> 'task_id', value ->> 'attempt', value ->> 'status', value ->> 'score',
  value ->> 'samples', value ->> 'correct', value ->> 'latency_ms', value ->> 'input_tokens',
  value ->> 'output_tokens', value ->> 'cost_usd', value ->> 'parts'
FROM json_each(?1)
