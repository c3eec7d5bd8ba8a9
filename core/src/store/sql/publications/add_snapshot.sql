-- Adds a snapshot of the leaderboard that the run belongs to.
-- ?1 run, ?2 id of the snapshot, ?3 now
INSERT INTO snapshots (id, benchmark_id, version, created_at)
SELECT ?2, benchmark_id, version, ?3
FROM runs
WHERE id = ?1
