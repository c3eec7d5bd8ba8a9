-- Adds a version's tasks, in their order, where it has none: what says the same as before keeps them.
-- ?1 benchmark, ?2 version, ?3 tasks, as a JSON array of objects
INSERT INTO benchmark_tasks (
  benchmark_id, version, task_id, position, scenario, language, difficulty, cluster
)
SELECT
  ?1, ?2, value ->> 'id', key, value ->> 'scenario', value ->> 'language', value ->> 'difficulty',
  value ->> 'cluster'
FROM json_each(?3)
WHERE NOT EXISTS (SELECT 1 FROM benchmark_tasks WHERE benchmark_id = ?1 AND version = ?2)
ON CONFLICT DO NOTHING
