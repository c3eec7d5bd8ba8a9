-- Declares a version, or replaces it. A title that an administrator gave the benchmark stays.
-- ?1 benchmark, ?2 version, ?3 title, ?4 description, ?5 metric, ?6 chance level, ?7 evidence, ?8 number of tasks, ?9
-- attempts per task, ?10 now, ?11 whether the tasks are private, ?12 since when they are public, ?13 parts and ?14
-- slices, in JSON, ?15 the version that it is a part of, ?16 or another scoring of, ?17 home page, ?18 licence, ?19
-- citation, ?20 conditions, in JSON, ?21 how many tasks the whole has that it is a part of, ?22 which way is better, ?23 unit, ?24 bounds,
-- in JSON, null where they are 0 to 1
INSERT INTO benchmark_versions (
  benchmark_id, version, title, description, metric, chance_level, evidence, task_count, attempts_per_task,
  created_at, private_tasks, tasks_published_on, parts, slices, part_of, other_scoring_of, homepage, licence,
  citation, conditions, whole_task_count, direction, unit, bounds
)
VALUES (
  ?1, ?2,
  coalesce((SELECT given_title FROM benchmarks WHERE id = ?1), ?3),
  ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23,
  ?24
)
ON CONFLICT (benchmark_id, version) DO UPDATE SET
  title = excluded.title, description = excluded.description, metric = excluded.metric,
  chance_level = excluded.chance_level, evidence = excluded.evidence, task_count = excluded.task_count,
  attempts_per_task = excluded.attempts_per_task, private_tasks = excluded.private_tasks,
  tasks_published_on = excluded.tasks_published_on, parts = excluded.parts, slices = excluded.slices,
  part_of = excluded.part_of, other_scoring_of = excluded.other_scoring_of, homepage = excluded.homepage,
  licence = excluded.licence, citation = excluded.citation, conditions = excluded.conditions,
  whole_task_count = excluded.whole_task_count, direction = excluded.direction, unit = excluded.unit,
  bounds = excluded.bounds
