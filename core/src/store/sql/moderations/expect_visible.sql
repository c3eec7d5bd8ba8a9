-- Guards that neither the model nor the benchmark of the run is hidden.
-- ?1 run
INSERT INTO batch_guard (expectation)
SELECT 'not_hidden'
FROM runs AS r
  JOIN models AS m ON m.id = r.model_id
  JOIN benchmarks AS b ON b.id = r.benchmark_id
WHERE r.id = ?1 AND coalesce(m.hidden_reason, b.hidden_reason) IS NOT NULL
