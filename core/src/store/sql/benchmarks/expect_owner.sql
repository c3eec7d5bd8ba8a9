-- Guards that the person declared the benchmark.
-- ?1 benchmark, ?2 person
INSERT INTO batch_guard (expectation)
SELECT 'benchmark_owner'
WHERE NOT EXISTS (SELECT 1 FROM benchmarks WHERE id = ?1 AND owner_id = ?2)
