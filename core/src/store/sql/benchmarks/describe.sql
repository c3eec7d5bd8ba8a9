-- Describes a benchmark: the version that is read where none is named, null where there is none, and what that one
-- says, else the newest.
-- ?1 benchmark
SELECT d.version, v.title, v.description
FROM default_versions AS d
  JOIN benchmark_versions AS v
    ON v.benchmark_id = d.benchmark_id
    AND v.version = coalesce(
      d.version,
      (
        SELECT l.version
        FROM benchmark_versions AS l
        WHERE l.benchmark_id = ?1
        ORDER BY l.created_at DESC, l.version DESC
        LIMIT 1
      )
    )
WHERE d.benchmark_id = ?1
