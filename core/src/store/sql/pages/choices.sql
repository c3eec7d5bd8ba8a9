-- Lists the versions of a benchmark, and those of the first benchmarks that anything was published on: whole ones
-- first, then the newest.
-- ?1 benchmark, or null, ?2 how many other benchmarks
SELECT
  v.benchmark_id, v.version, v.title,
  EXISTS (
    SELECT 1 FROM snapshots AS s WHERE s.benchmark_id = v.benchmark_id AND s.version = v.version
  ) AS published,
  v.is_whole AS whole
FROM benchmark_versions AS v
WHERE v.benchmark_id IN (
  SELECT ?1
  UNION
  SELECT id
  FROM (
    SELECT b.id
    FROM benchmarks AS b
    WHERE b.id > ''
      AND b.hidden_reason IS NULL
      AND EXISTS (SELECT 1 FROM snapshots AS s WHERE s.benchmark_id = b.id)
    ORDER BY b.id
    LIMIT ?2
  )
)
ORDER BY v.benchmark_id, whole DESC, v.created_at DESC, v.version DESC
