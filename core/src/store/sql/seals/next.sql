-- Tells what a seal would be: of which series of its owner's runs and seals of the system on the version (null where it
-- would be the first), the how manieth of it, and over how many tasks and attempts.
-- ?1 owner, ?2 benchmark, ?3 version, ?4 system
SELECT
  v.task_count, v.attempts_per_task,
  coalesce(
    (
      SELECT r.series
      FROM runs AS r
      WHERE r.benchmark_id = ?2
        AND r.version = ?3
        AND r.system_id = ?4
        AND r.owner_id = ?1
        AND r.published_at IS NOT NULL
      LIMIT 1
    ),
    (
      SELECT s.series
      FROM seals AS s
      WHERE s.owner_id = ?1 AND s.benchmark_id = ?2 AND s.version = ?3 AND s.system_id = ?4
      LIMIT 1
    )
  ) AS series,
  1 + coalesce(
    (
      SELECT max(s.ordinal)
      FROM seals AS s
      WHERE s.owner_id = ?1 AND s.benchmark_id = ?2 AND s.version = ?3 AND s.system_id = ?4
    ),
    0
  ) AS ordinal
FROM benchmark_versions AS v
WHERE v.benchmark_id = ?2 AND v.version = ?3
