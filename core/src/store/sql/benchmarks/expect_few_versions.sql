-- Guards that the benchmark has the version already, or room for one more.
-- ?1 benchmark, ?2 version, ?3 the most versions
INSERT INTO batch_guard (expectation)
SELECT 'version_limit'
WHERE NOT EXISTS (SELECT 1 FROM benchmark_versions WHERE benchmark_id = ?1 AND version = ?2)
  AND (SELECT count(*) FROM benchmark_versions WHERE benchmark_id = ?1) >= ?3
