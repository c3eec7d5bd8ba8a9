-- Lists results of a run in the order of task and attempt, those at private tasks left out.
-- ?1 run, ?2 and ?3 task and attempt of the last one before, ?4 rows
SELECT x.*
FROM results AS x
WHERE x.run_id = ?1
  AND (x.task_id, x.attempt) > (?2, ?3)
  AND EXISTS (
    SELECT 1
    FROM runs AS r
      JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version
    WHERE r.id = ?1 AND NOT v.private_tasks
  )
ORDER BY x.task_id, x.attempt
LIMIT ?4
