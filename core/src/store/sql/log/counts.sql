-- Reads the counts of a run.
-- ?1 run
SELECT * FROM run_counts WHERE run_id = ?1
