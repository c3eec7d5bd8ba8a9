-- Names the first benchmarks, and the versions of one, whole ones first, for those who did not say which they mean.
-- ?1 benchmark, or null, ?2 how many names
SELECT b.id AS name
FROM (
  SELECT id FROM benchmarks WHERE id > '' AND hidden_reason IS NULL AND ?1 IS NULL ORDER BY id LIMIT ?2
) AS b
UNION ALL
SELECT v.version
FROM (
  SELECT version
  FROM benchmark_versions
  WHERE benchmark_id = ?1
  ORDER BY NOT is_whole, created_at DESC, version DESC
  LIMIT ?2
) AS v
