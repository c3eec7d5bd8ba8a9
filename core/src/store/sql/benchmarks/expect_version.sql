-- Guards that the benchmark has the version.
-- ?1 benchmark, ?2 version
INSERT INTO batch_guard (expectation)
SELECT 'version_exists'
WHERE NOT EXISTS (SELECT 1 FROM benchmark_versions WHERE benchmark_id = ?1 AND version = ?2)
