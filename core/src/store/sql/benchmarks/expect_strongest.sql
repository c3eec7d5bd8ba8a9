-- Guards that the version brings results, or that no whole version of the benchmark does.
-- ?1 benchmark, ?2 version
INSERT INTO batch_guard (expectation)
SELECT 'version_counts'
FROM benchmark_versions AS v
WHERE v.benchmark_id = ?1
  AND v.version = ?2
  AND v.evidence <> 'results'
  AND EXISTS (
    SELECT 1
    FROM benchmark_versions AS r
    WHERE r.benchmark_id = ?1
      AND r.evidence = 'results'
      AND r.is_whole
  )
