-- Finds the snapshot that a run was published with.
-- ?1 run
SELECT s.id
FROM changes AS c
  JOIN snapshots AS s ON s.seq = c.seq
WHERE c.run_id = ?1 AND c.kind IN ('published', 'rescored')
ORDER BY c.seq
LIMIT 1
