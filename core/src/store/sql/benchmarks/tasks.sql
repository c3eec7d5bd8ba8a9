-- Lists a version's tasks in their order, unless they are private.
-- ?1 benchmark, ?2 version, ?3 the place that the page before ended with, ?4 rows
SELECT t.position, t.task_id, t.scenario, t.language, t.difficulty, t.cluster
FROM benchmark_versions AS v
  CROSS JOIN benchmark_tasks AS t ON t.benchmark_id = v.benchmark_id AND t.version = v.version
WHERE v.benchmark_id = ?1 AND v.version = ?2 AND NOT v.private_tasks AND t.position > ?3
ORDER BY t.position
LIMIT ?4
