-- A page of the tasks of version ?2 of benchmark ?1 after the place ?3, at most ?4, unless they are private.
SELECT t.position, t.task_id, t.scenario, t.language, t.difficulty, t.cluster FROM benchmark_versions AS v
CROSS JOIN benchmark_tasks AS t ON t.benchmark_id = v.benchmark_id AND t.version = v.version
WHERE v.benchmark_id = ?1 AND v.version = ?2 AND NOT v.private_tasks AND t.position > ?3 ORDER BY t.position LIMIT ?4
