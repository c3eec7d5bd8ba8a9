-- Lists the benchmarks that are not hidden, by id, each with the version that is read where none is named, as that
-- version describes it, else as the newest does, and with the names of its newest versions.
-- ?1 the benchmark that the page before ended with, ?2 rows
SELECT
  b.id AS benchmark_id, d.version, n.title, n.description,
  (
    SELECT json_group_array(version)
    FROM (
      SELECT v.version
      FROM benchmark_versions AS v
      WHERE v.benchmark_id = b.id
      ORDER BY v.created_at DESC, v.version DESC
      LIMIT 100
    )
  ) AS versions
FROM (SELECT id FROM benchmarks WHERE id > ?1 AND hidden_reason IS NULL ORDER BY id LIMIT ?2) AS b
  CROSS JOIN default_versions AS d ON d.benchmark_id = b.id
  CROSS JOIN benchmark_versions AS n
    ON n.benchmark_id = b.id
    AND n.version = coalesce(
      d.version,
      (
        SELECT l.version
        FROM benchmark_versions AS l
        WHERE l.benchmark_id = b.id
        ORDER BY l.created_at DESC, l.version DESC
        LIMIT 1
      )
    )
ORDER BY b.id
