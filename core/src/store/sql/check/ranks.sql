-- Finds lines of the log of changes that tell another rank than the entries of their snapshot have. A board on which a
-- model was ever hidden is left out: its ranks are told as of who was hidden then.
-- ?1 rows
WITH board AS (
  SELECT n.seq, n.benchmark_id, n.version, CASE WHEN v.direction = 'lower_is_better' THEN -1 ELSE 1 END AS sign
  FROM snapshots AS n
    JOIN benchmark_versions AS v ON v.benchmark_id = n.benchmark_id AND v.version = n.version
  WHERE NOT EXISTS (
    SELECT 1
    FROM moderations AS o
      JOIN leaderboard_entries AS h ON h.model_id = o.model_id
    WHERE h.benchmark_id = n.benchmark_id AND h.version = n.version
  )
)
SELECT 'change ' || c.seq || ' tells rank ' || coalesce(c.rank_after, 'none') || ', and the entries have another' AS problem
FROM changes AS c
  JOIN board AS b ON b.seq = c.seq
WHERE c.rank_after IS NOT (
  SELECT 1 + (
    SELECT count(*)
    FROM leaderboard_entries AS o
      JOIN run_slices AS os
        ON os.run_id = o.run_id AND os.scenario = '' AND os.language = '' AND os.difficulty = ''
    WHERE o.benchmark_id = b.benchmark_id
      AND o.version = b.version
      AND o.ranked = 1
      AND o.from_seq <= b.seq
      AND (o.to_seq IS NULL OR o.to_seq > b.seq)
      AND b.sign * os.score > b.sign * s.score
  )
  FROM leaderboard_entries AS e
    JOIN run_slices AS s ON s.run_id = e.run_id AND s.scenario = '' AND s.language = '' AND s.difficulty = ''
  WHERE e.benchmark_id = b.benchmark_id
    AND e.version = b.version
    AND e.system_id = c.system_id
    AND e.ranked = 1
    AND e.from_seq <= b.seq
    AND (e.to_seq IS NULL OR e.to_seq > b.seq)
)
ORDER BY c.seq
LIMIT CAST(?1 AS INTEGER)
