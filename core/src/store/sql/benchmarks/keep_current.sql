-- Makes the first whole version that brings results the current one, unless one of that kind is. Without one, a
-- whole version that is current stays so.
-- ?1 benchmark
UPDATE benchmarks SET current_version = coalesce(
  (
    SELECT v.version
    FROM benchmark_versions AS v
    WHERE v.benchmark_id = ?1
      AND v.evidence = 'results'
      AND v.is_whole
    ORDER BY v.created_at, v.version
    LIMIT 1
  ),
  (
    SELECT v.version
    FROM benchmark_versions AS v
    WHERE v.benchmark_id = ?1
      AND v.version = current_version
      AND v.is_whole
  )
)
WHERE id = ?1
  AND NOT EXISTS (
    SELECT 1
    FROM benchmark_versions AS v
    WHERE v.benchmark_id = ?1
      AND v.version = current_version
      AND v.evidence = 'results'
      AND v.is_whole
  )
