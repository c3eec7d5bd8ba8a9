-- Loads versions of the benchmarks that were loaded.
-- ?1 rows of benchmark_versions, as a JSON array of objects
INSERT INTO benchmark_versions (
  benchmark_id, version, title, description, metric, direction, unit, bounds, chance_level, evidence, task_count, attempts_per_task,
  private_tasks, tasks_published_on, parts, part_of, whole_task_count, other_scoring_of, homepage, licence, citation,
  conditions, slices, created_at
)
SELECT
  value ->> 'benchmark_id', value ->> 'version', value ->> 'title', value ->> 'description',
  value ->> 'metric', value ->> 'direction', value ->> 'unit', value ->> 'bounds', value ->> 'chance_level', value ->> 'evidence', value ->> 'task_count',
  value ->> 'attempts_per_task', value ->> 'private_tasks', value ->> 'tasks_published_on', value ->> 'parts',
  value ->> 'part_of', value ->> 'whole_task_count', value ->> 'other_scoring_of', value ->> 'homepage', value ->> 'licence',
  value ->> 'citation', value ->> 'conditions', value ->> 'slices', value ->> 'created_at'
FROM json_each(?1)
WHERE EXISTS (SELECT 1 FROM benchmarks AS b WHERE b.id = value ->> 'benchmark_id')
