-- Ends the entry that the run's model has.
-- ?1 run, ?2 snapshot
UPDATE leaderboard_entries
SET to_seq = (SELECT seq FROM snapshots WHERE id = ?2)
WHERE to_seq IS NULL
  AND (benchmark_id, version, model_id) = (SELECT benchmark_id, version, model_id FROM runs WHERE id = ?1)
