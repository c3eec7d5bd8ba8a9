-- Guard: benchmark ?1 has version ?2 already, or fewer than ?3.
INSERT INTO batch_guard (expectation) SELECT 'few versions'
WHERE NOT EXISTS (SELECT 1 FROM benchmark_versions WHERE benchmark_id = ?1 AND version = ?2)
  AND (SELECT count(*) FROM benchmark_versions WHERE benchmark_id = ?1) >= ?3
