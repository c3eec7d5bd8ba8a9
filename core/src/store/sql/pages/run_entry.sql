-- Finds how a run stands on its board, or stood last, and what its version is called.
-- ?1 run
SELECT
  v.title, v.conditions, e.display_name, coalesce(e.contaminated, 0) AS contaminated,
  e.run_id IS NOT NULL AND e.to_seq IS NULL AS stands, coalesce(e.ranked, 0) AS ranked
FROM runs AS r
  JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version
  LEFT JOIN leaderboard_entries AS e
    ON e.run_id = r.id AND e.from_seq = (SELECT max(l.from_seq) FROM leaderboard_entries AS l WHERE l.run_id = r.id)
WHERE r.id = ?1
