-- Finds the snapshot that a run came in with.
-- ?1 run
SELECT s.id
FROM leaderboard_entries AS e
  JOIN snapshots AS s ON s.seq = e.from_seq
WHERE e.run_id = ?1
ORDER BY e.from_seq
LIMIT 1
