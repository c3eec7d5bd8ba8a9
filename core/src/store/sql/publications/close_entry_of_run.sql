-- Ends the run's entry, where it has one that stands.
-- ?1 run, ?2 snapshot
UPDATE leaderboard_entries
SET to_seq = (SELECT seq FROM snapshots WHERE id = ?2)
WHERE to_seq IS NULL AND run_id = ?1
