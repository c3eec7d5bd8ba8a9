-- Lists the tasks that a person's open run is about, in their order.
-- ?1 run, ?2 person
SELECT t.task_id, t.scenario, t.language, t.difficulty, t.cluster
FROM runs AS r
  CROSS JOIN benchmark_tasks AS t ON t.benchmark_id = r.benchmark_id AND t.version = r.version
WHERE r.id = ?1 AND r.owner_id = ?2 AND r.status = 'open'
ORDER BY t.position
