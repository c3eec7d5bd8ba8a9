-- Lists the ranked entries of some systems, or of every system of a model, as they stood at a snapshot, with the score
-- of each task. CROSS JOIN keeps SQLite from reading the whole leaderboard first, and + from reading every entry that
-- the model ever had.
-- ?1 benchmark, ?2 version, ?3 snapshot's place in the order of all, ?4 models and systems: a JSON array of arrays,
-- each of a model and of one of its systems, any where null. Of a model with several, none has scores unless it is
-- asked for, or is the model alone: they are long.
SELECT
  f.model_id, f.system_id, r.agent_name, r.agent_version, r.configuration, f.display_name, f.run_id, s.tasks,
  s.clusters, s.correct, s.total, s.score, s.squares, s.cost_usd, s.uncosted, s.p50_ms, s.p95_ms,
  s.standard_error, s.interval_low, s.interval_high, p.scores
FROM (
  SELECT *, count(*) OVER (PARTITION BY model_id) AS systems
  FROM (
    SELECT e.*
    FROM json_each(?4) AS w
      CROSS JOIN leaderboard_entries AS e
        ON e.benchmark_id = ?1
        AND e.version = ?2
        AND e.model_id = w.value ->> 0
        AND e.to_seq IS NULL
        AND +e.from_seq <= ?3
        AND e.ranked = 1
        AND (w.value ->> 1 IS NULL OR e.system_id = w.value ->> 1)
    UNION
    SELECT e.*
    FROM json_each(?4) AS w
      CROSS JOIN leaderboard_entries AS e
        ON e.benchmark_id = ?1
        AND e.version = ?2
        AND e.model_id = w.value ->> 0
        AND e.to_seq > ?3
        AND +e.from_seq <= ?3
        AND e.ranked = 1
        AND (w.value ->> 1 IS NULL OR e.system_id = w.value ->> 1)
  )
) AS f
  CROSS JOIN models AS m ON m.id = f.model_id AND m.hidden_reason IS NULL
  CROSS JOIN runs AS r ON r.id = f.run_id
  JOIN run_slices AS s ON s.run_id = f.run_id AND s.scenario = '' AND s.language = '' AND s.difficulty = ''
  LEFT JOIN run_scores AS p
    ON p.run_id = f.run_id
    AND (
      f.systems = 1
      OR f.system_id = f.model_id
      OR EXISTS (SELECT 1 FROM json_each(?4) AS w WHERE w.value ->> 1 = f.system_id)
    )
ORDER BY f.system_id
