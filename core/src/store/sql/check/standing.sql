-- Finds runs that stand, or are ranked, other than their board's newest entries say.
-- ?1 rows
SELECT problem
FROM (
  SELECT 'run ' || s.id || ' stands, and the board has no entry of it that says so' AS problem
  FROM standing_runs AS s
  WHERE NOT EXISTS (
    SELECT 1
    FROM leaderboard_entries AS e
    WHERE e.run_id = s.id AND e.to_seq IS NULL AND e.ranked = s.ranked
  )
  UNION ALL
  SELECT 'run ' || e.run_id || ' has an entry on the board, and does not stand'
  FROM leaderboard_entries AS e
  WHERE e.to_seq IS NULL AND NOT EXISTS (SELECT 1 FROM latest_runs AS l WHERE l.id = e.run_id)
)
ORDER BY problem
LIMIT CAST(?1 AS INTEGER)
