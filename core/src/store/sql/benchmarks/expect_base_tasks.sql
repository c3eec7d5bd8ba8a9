-- Guards that the version which another is a part or a second scoring of has its tasks: of a part more, of a second
-- scoring just those. Where either brings counts, their numbers have to do.
-- ?1 benchmark, ?2 version
INSERT INTO batch_guard (expectation)
SELECT 'base_tasks'
FROM benchmark_versions AS v
  JOIN benchmark_versions AS b
    ON b.benchmark_id = v.benchmark_id
    AND b.version = coalesce(v.part_of, v.other_scoring_of)
WHERE v.benchmark_id = ?1
  AND v.version = ?2
  AND (
    CASE WHEN v.part_of IS NULL THEN v.task_count <> b.task_count ELSE v.task_count >= b.task_count END
    OR (
      b.evidence = 'results'
      AND EXISTS (
        SELECT 1
        FROM benchmark_tasks AS t
        WHERE t.benchmark_id = ?1
          AND t.version = ?2
          AND NOT EXISTS (
            SELECT 1
            FROM benchmark_tasks AS o
            WHERE o.benchmark_id = ?1 AND o.version = b.version AND o.task_id = t.task_id
          )
      )
    )
  )
