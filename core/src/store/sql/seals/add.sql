-- Seals what a run is going to be, where model and version are declared, neither is hidden, and tasks, attempts, series
-- and number are those that were told of it.
-- ?1 seal, ?2 owner, ?3 model, ?4 benchmark, ?5 version, ?6 harness, ?7 its version, ?8 commit, ?9 attempts at each task,
-- ?10 stopping rule, ?11 note, ?12 now, ?13 system, ?14 and ?15 name and version of its agent, ?16 its configuration,
-- ?17 tasks, ?18 series, ?19 which of it
INSERT INTO seals (
  id, owner_id, model_id, benchmark_id, version, harness, harness_version, commit_hash, tasks, attempts,
  stopping_rule, note, sealed_at, system_id, agent_name, agent_version, configuration, series, ordinal, after_seq, act
)
SELECT
  ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, v.task_count, v.attempts_per_task, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?18,
  CAST(?19 AS INTEGER),
  coalesce((SELECT max(seq) FROM snapshots), 0),
  1 + max(coalesce((SELECT max(seq) FROM moderations), 0), coalesce((SELECT max(act) FROM seals), 0))
FROM benchmark_versions AS v
WHERE v.benchmark_id = ?4
  AND v.version = ?5
  AND v.attempts_per_task = ?9
  AND v.task_count = ?17
  AND EXISTS (SELECT 1 FROM models WHERE id = ?3 AND hidden_reason IS NULL)
  AND EXISTS (SELECT 1 FROM benchmarks WHERE id = ?4 AND hidden_reason IS NULL)
  AND ?18 = coalesce(
    (
      SELECT r.series
      FROM runs AS r
      WHERE r.benchmark_id = ?4
        AND r.version = ?5
        AND r.system_id = ?13
        AND r.owner_id = ?2
        AND r.published_at IS NOT NULL
      LIMIT 1
    ),
    (
      SELECT s.series
      FROM seals AS s
      WHERE s.owner_id = ?2 AND s.benchmark_id = ?4 AND s.version = ?5 AND s.system_id = ?13
      LIMIT 1
    ),
    ?1
  )
  AND ?19 = 1 + coalesce(
    (
      SELECT max(s.ordinal)
      FROM seals AS s
      WHERE s.owner_id = ?2 AND s.benchmark_id = ?4 AND s.version = ?5 AND s.system_id = ?13
    ),
    0
  )
