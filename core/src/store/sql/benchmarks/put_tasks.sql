-- Adds a version's tasks, in their order.
-- ?1 benchmark, ?2 version, ?3 tasks, as a JSON array of objects
INSERT INTO benchmark_tasks (
  benchmark_id, version, task_id, position, scenario, language, difficulty, cluster
)
SELECT
  ?1, ?2, value ->> 'id', key, value ->> 'scenario', value ->> 'language', value ->> 'difficulty',
  value ->> 'cluster'
FROM json_each(?3)
WHERE true
ON CONFLICT DO NOTHING
