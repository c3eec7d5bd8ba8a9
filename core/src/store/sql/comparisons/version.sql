-- Finds a version, with its definition.
-- ?1 benchmark, ?2 version
SELECT v.*, d.definition
FROM benchmark_versions AS v
  JOIN benchmark_definitions AS d ON d.benchmark_id = v.benchmark_id AND d.version = v.version
WHERE v.benchmark_id = ?1 AND v.version = ?2
