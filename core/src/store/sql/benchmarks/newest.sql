-- Finds a benchmark's newest version.
-- ?1 benchmark
SELECT version, title, description
FROM benchmark_versions
WHERE benchmark_id = ?1
ORDER BY created_at DESC, version DESC
LIMIT 1
