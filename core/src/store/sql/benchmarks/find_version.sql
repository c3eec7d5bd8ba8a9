-- Finds a version's title, and why its benchmark is hidden.
-- ?1 benchmark, ?2 version
SELECT v.title, b.hidden_reason
FROM benchmark_versions AS v
  JOIN benchmarks AS b ON b.id = v.benchmark_id
WHERE v.benchmark_id = ?1 AND v.version = ?2
