-- Finds entries that are not of their run's board, model and system, or stand from or to a snapshot of another board.
-- ?1 rows
SELECT 'the entry of run ' || e.run_id || ' from snapshot ' || e.from_seq || ' contradicts its run or its snapshots' AS problem
FROM leaderboard_entries AS e
  LEFT JOIN runs AS r ON r.id = e.run_id
  LEFT JOIN snapshots AS f ON f.seq = e.from_seq
  LEFT JOIN snapshots AS t ON t.seq = e.to_seq
WHERE (r.benchmark_id, r.version, r.model_id, r.system_id) IS NOT (e.benchmark_id, e.version, e.model_id, e.system_id)
  OR (f.benchmark_id, f.version) IS NOT (e.benchmark_id, e.version)
  OR (e.to_seq IS NOT NULL AND (t.benchmark_id, t.version) IS NOT (e.benchmark_id, e.version))
  OR e.to_seq <= e.from_seq
  OR e.from_seq < r.published_seq
ORDER BY e.run_id, e.from_seq
LIMIT CAST(?1 AS INTEGER)
