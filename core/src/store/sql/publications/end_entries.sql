-- Ends the entries of the run's system that do not stand any more, or not with the same right to be ranked.
-- ?1 run, ?2 snapshot
UPDATE leaderboard_entries
SET to_seq = (SELECT seq FROM snapshots WHERE id = ?2)
WHERE to_seq IS NULL
  AND (benchmark_id, version, system_id) = (SELECT benchmark_id, version, system_id FROM runs WHERE id = ?1)
  AND ranked IS NOT (SELECT s.ranked FROM standing_runs AS s WHERE s.id = leaderboard_entries.run_id)
