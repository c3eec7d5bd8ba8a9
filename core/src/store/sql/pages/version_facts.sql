-- Finds what a version says of itself, and how many tasks the version has that it is a part of.
-- Where no version is named, it is the one that the benchmark is read by.
-- ?1 benchmark, ?2 version, or null
SELECT
  v.task_count, v.attempts_per_task, v.chance_level, v.private_tasks, v.tasks_published_on, v.parts, v.part_of,
  v.other_scoring_of, v.homepage, v.licence, v.citation, v.conditions, coalesce(w.task_count, v.whole_task_count) AS whole_task_count,
  (
    SELECT d.version FROM default_versions AS d WHERE d.benchmark_id = v.benchmark_id
  ) AS current_version
FROM benchmark_versions AS v
  LEFT JOIN benchmark_versions AS w ON w.benchmark_id = v.benchmark_id AND w.version = v.part_of
WHERE v.benchmark_id = ?1
  AND v.version = coalesce(?2, (SELECT d.version FROM default_versions AS d WHERE d.benchmark_id = ?1))
