-- Lists the entries of some models as they stood at a snapshot, with the score of each task. CROSS JOIN keeps SQLite
-- from reading the whole leaderboard first.
-- ?1 benchmark, ?2 version, ?3 snapshot's place in the order of all, ?4 models, as a JSON array
SELECT
  e.model_id, e.display_name, e.run_id, s.tasks, s.clusters, s.correct, s.total, s.score, s.squares,
  s.cost_usd, s.uncosted, s.p50_ms, s.p95_ms, p.scores
FROM json_each(?4) AS w
  CROSS JOIN leaderboard_entries AS e
    ON e.benchmark_id = ?1
    AND e.version = ?2
    AND e.model_id = w.value
    AND e.from_seq = (
      SELECT max(x.from_seq)
      FROM leaderboard_entries AS x
      WHERE x.benchmark_id = ?1 AND x.version = ?2 AND x.model_id = w.value AND x.from_seq <= ?3
    )
    AND (e.to_seq IS NULL OR e.to_seq > ?3)
  CROSS JOIN models AS m ON m.id = e.model_id AND m.hidden_reason IS NULL
  JOIN run_slices AS s ON s.run_id = e.run_id AND s.scenario = '' AND s.language = '' AND s.difficulty = ''
  LEFT JOIN run_scores AS p ON p.run_id = e.run_id
