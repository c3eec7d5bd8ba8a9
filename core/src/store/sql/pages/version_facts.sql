-- Finds what a version says of itself.
-- ?1 benchmark, ?2 version
SELECT task_count, attempts_per_task, chance_level, private_tasks, tasks_published_on, parts
FROM benchmark_versions
WHERE benchmark_id = ?1 AND version = ?2
