-- Stores the uploaded results that are new.
-- ?1 run, ?2 results: a JSON array of arrays, each of the place in the upload, task, attempt, status, score, samples,
-- correct, latency in ms, input tokens, output tokens, cost in US dollars, scores of parts
INSERT INTO results (
  run_id, task_id, attempt, status, score, samples, correct, latency_ms, input_tokens, output_tokens,
  cost_usd, parts
)
SELECT
  ?1, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8,
  value ->> 9, value ->> 10, value ->> 11
FROM json_each(?2)
WHERE true
ON CONFLICT DO NOTHING
