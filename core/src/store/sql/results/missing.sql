-- Lists attempts at tasks that the run has no result for, at most 100, in the order of the tasks.
-- ?1 run
SELECT t.task_id AS task, a.value AS attempt
FROM runs AS r
  JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version
  JOIN benchmark_tasks AS t ON t.benchmark_id = r.benchmark_id AND t.version = r.version
  JOIN json_each('[1,2,3,4,5,6,7,8,9,10]') AS a ON a.value <= v.attempts_per_task
WHERE r.id = ?1
  AND v.evidence = 'results'
  AND NOT EXISTS (
    SELECT 1 FROM results AS x WHERE x.run_id = ?1 AND x.task_id = t.task_id AND x.attempt = a.value
  )
ORDER BY t.position, a.value
LIMIT 100
