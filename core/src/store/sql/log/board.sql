-- Lists the entries that stand in a snapshot, hidden ones too, each with the whole slice of its run.
-- ?1 snapshot's id, ?2 how many at most
SELECT s.*, e.*
FROM (
  SELECT o.*
  FROM snapshots AS n
    CROSS JOIN leaderboard_entries AS o
      ON o.benchmark_id = n.benchmark_id AND o.version = n.version AND o.to_seq IS NULL AND o.from_seq <= n.seq
  WHERE n.id = ?1
  UNION ALL
  SELECT o.*
  FROM snapshots AS n
    CROSS JOIN leaderboard_entries AS o
      ON o.benchmark_id = n.benchmark_id AND o.version = n.version AND o.to_seq > n.seq AND o.from_seq <= n.seq
  WHERE n.id = ?1
) AS e
  CROSS JOIN run_slices AS s ON s.run_id = e.run_id AND s.scenario = '' AND s.language = '' AND s.difficulty = ''
LIMIT ?2
