-- Lists the entries that stand in a snapshot, hidden ones too, each with the whole slice of its run.
-- ?1 benchmark, ?2 version, ?3 snapshot's place in the order of all
SELECT s.*, e.*
FROM (
  SELECT *
  FROM leaderboard_entries
  WHERE benchmark_id = ?1 AND version = ?2 AND to_seq IS NULL AND from_seq <= ?3
  UNION ALL
  SELECT *
  FROM leaderboard_entries
  WHERE benchmark_id = ?1 AND version = ?2 AND to_seq > ?3 AND from_seq <= ?3
) AS e
  JOIN run_slices AS s ON s.run_id = e.run_id AND s.scenario = '' AND s.language = '' AND s.difficulty = ''
