-- Deletes the rows of a run's results, which its packs hold.
-- ?1 run
DELETE FROM results WHERE run_id = ?1
