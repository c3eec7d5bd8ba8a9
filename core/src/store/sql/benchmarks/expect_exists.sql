-- Guards that the benchmark exists.
-- ?1 benchmark
INSERT INTO batch_guard (expectation)
SELECT 'benchmark_exists'
WHERE NOT EXISTS (SELECT 1 FROM benchmarks WHERE id = ?1)
