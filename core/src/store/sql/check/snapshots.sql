-- Finds snapshots that no line of the log of changes explains, or one of another board.
-- ?1 rows
SELECT 'snapshot ' || n.seq || ' is not what the log of changes tells of it' AS problem
FROM snapshots AS n
  LEFT JOIN changes AS c ON c.seq = n.seq
  LEFT JOIN runs AS r ON r.id = c.run_id
WHERE c.seq IS NULL
  OR c.benchmark_id <> n.benchmark_id
  OR (r.benchmark_id, r.version, r.model_id, r.system_id)
    IS NOT (n.benchmark_id, n.version, c.model_id, c.system_id)
ORDER BY n.seq
LIMIT CAST(?1 AS INTEGER)
