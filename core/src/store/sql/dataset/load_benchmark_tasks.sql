-- Loads tasks of the versions that were loaded.
-- ?1 rows of benchmark_tasks, as a JSON array of objects
INSERT INTO benchmark_tasks (
  benchmark_id, version, task_id, position, scenario, language, difficulty, cluster
)
SELECT
  value ->> 'benchmark_id', value ->> 'version', value ->> 'task_id', value ->> 'position',
  value ->> 'scenario', value ->> 'language', value ->> 'difficulty', value ->> 'cluster'
FROM json_each(?1)
WHERE EXISTS (
  SELECT 1
  FROM benchmark_versions AS v
  WHERE v.benchmark_id = value ->> 'benchmark_id' AND v.version = value ->> 'version'
)
