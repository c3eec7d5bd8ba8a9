-- Lists the tasks that a person's open run is about, in their order, after a position.
-- ?1 run, ?2 person, ?3 position, ?4 how many at most
SELECT t.task_id, t.scenario, t.language, t.difficulty, t.cluster, t.position
FROM runs AS r
  CROSS JOIN benchmark_tasks AS t ON t.benchmark_id = r.benchmark_id AND t.version = r.version
WHERE r.id = ?1 AND r.owner_id = ?2 AND r.status = 'open' AND t.position > ?3
ORDER BY t.position
LIMIT ?4
