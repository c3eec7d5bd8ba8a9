-- Lists the ranked entries of several snapshots, each with its score, as leaderboard/entries.sql lists those of one.
-- Hidden models have no entries. + keeps SQLite from reading the benchmark's other versions.
-- ?1 JSON array of [benchmark, version, snapshot's place in the order of all]
SELECT
  e.board, r.id AS run_id, e.model_id, e.system_id, e.ranked, r.agent_name, r.agent_version, r.configuration,
  NULL AS links, e.display_name, e.contaminated, r.published_at, r.evaluated_at, r.evaluator_relationship, r.dirty,
  r.commit_hash IS NOT NULL AS pinned, NULL AS seal_id, NULL AS sealed_at, NULL AS seals_sealed, 0 AS seals_opened,
  r.conditions, substr(r.attempts_policy, 1, 100) AS attempts_policy, m.base_model, s.tasks, s.clusters, s.correct,
  s.total, s.score, s.squares, s.cost_usd, s.uncosted, s.p50_ms, s.p95_ms,
  s.standard_error, s.interval_low, s.interval_high
FROM (
  SELECT
    w.key AS board, t.model_id, t.system_id, t.run_id, t.ranked, t.display_name, t.contaminated
  FROM json_each(?1) AS w
    CROSS JOIN leaderboard_entries AS t
      ON t.benchmark_id = w.value ->> '$[0]'
      AND t.version = w.value ->> '$[1]'
      AND t.ranked = 1
      AND +t.from_seq <= w.value ->> '$[2]'
      AND t.to_seq IS NULL
  UNION ALL
  SELECT
    w.key AS board, t.model_id, t.system_id, t.run_id, t.ranked, t.display_name, t.contaminated
  FROM json_each(?1) AS w
    CROSS JOIN leaderboard_entries AS t
      ON t.benchmark_id = w.value ->> '$[0]'
      AND t.version = w.value ->> '$[1]'
      AND t.ranked = 1
      AND t.from_seq <= w.value ->> '$[2]'
      AND t.to_seq > w.value ->> '$[2]'
) AS e
  JOIN models AS m ON m.id = e.model_id AND m.hidden_reason IS NULL
  JOIN runs AS r ON r.id = e.run_id
  JOIN run_slices AS s ON s.run_id = e.run_id AND s.scenario = '' AND s.language = '' AND s.difficulty = ''
