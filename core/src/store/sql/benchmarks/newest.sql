-- The newest version of benchmark ?1.
SELECT version, title, description FROM benchmark_versions WHERE benchmark_id = ?1 ORDER BY created_at DESC, version DESC LIMIT 1
