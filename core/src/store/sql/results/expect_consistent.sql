-- Guards that no uploaded result says something else than the one that the run has.
-- ?1 run, ?2 results, as results/add.sql takes them
INSERT INTO batch_guard (expectation)
SELECT 'results_consistent'
WHERE EXISTS (
  SELECT 1
  FROM json_each(?2)
    CROSS JOIN results AS r ON r.run_id = ?1 AND r.task_id = value ->> 1 AND r.attempt = value ->> 2
  WHERE (
    r.status, r.score, r.samples, r.correct, r.latency_ms, r.input_tokens, r.output_tokens, r.cost_usd,
    r.parts
  )
    IS NOT (
      value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10,
      value ->> 11
    )
)
