-- Guards that the run's version has every task and attempt of the uploaded results.
-- ?1 run, ?2 results, as results/add.sql takes them
INSERT INTO batch_guard (expectation)
SELECT 'tasks_known'
WHERE EXISTS (
  SELECT 1
  FROM json_each(?2)
  WHERE NOT EXISTS (
    SELECT 1
    FROM runs AS r
      JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version
      JOIN benchmark_tasks AS t
        ON t.benchmark_id = r.benchmark_id
        AND t.version = r.version
        AND t.task_id = value ->> 1
    WHERE r.id = ?1 AND (value ->> 2) <= v.attempts_per_task
  )
)
