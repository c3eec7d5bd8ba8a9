-- Lists the best ranked entries of a snapshot, with the score of each task: as many as have a bounded number of scores
-- together, and at least two. It looks up those that stand and those that stood apart, as leaderboard/entries.sql.
-- ?1 benchmark, ?2 version, ?3 snapshot's place in the order of all, ?4 most scores
SELECT
  e.model_id, e.system_id, r.agent_name, r.agent_version, r.configuration, e.display_name, e.run_id, s.tasks,
  s.clusters, s.correct, s.total, s.score, s.squares, s.cost_usd, s.uncosted, s.p50_ms, s.p95_ms,
  s.standard_error, s.interval_low, s.interval_high, p.scores,
  p.pass_counts
FROM (
  SELECT *
  FROM leaderboard_entries
  WHERE benchmark_id = ?1 AND version = ?2 AND to_seq IS NULL AND from_seq <= ?3
  UNION ALL
  SELECT *
  FROM leaderboard_entries
  WHERE benchmark_id = ?1 AND version = ?2 AND to_seq > ?3 AND from_seq <= ?3
) AS e
  JOIN models AS m ON m.id = e.model_id AND m.hidden_reason IS NULL
  JOIN runs AS r ON r.id = e.run_id AND e.ranked = 1
  JOIN run_slices AS s ON s.run_id = e.run_id AND s.scenario = '' AND s.language = '' AND s.difficulty = ''
  LEFT JOIN run_scores AS p ON p.run_id = e.run_id
ORDER BY
  CASE
    WHEN (SELECT direction FROM benchmark_versions WHERE benchmark_id = ?1 AND version = ?2) = 'lower_is_better'
      THEN -s.score
    ELSE s.score
  END DESC,
  e.system_id
LIMIT max(
  2,
  -- D1 binds every number as a real.
  CAST(
    ?4 / (SELECT max(1, task_count) FROM benchmark_versions WHERE benchmark_id = ?1 AND version = ?2) AS INTEGER
  )
)
