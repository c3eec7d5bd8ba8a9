-- Finds the newest line of the log, and how far moderation has come.
-- ?1 benchmark, any where null
SELECT l.id, l.seq, l.act, (SELECT coalesce(max(seq), 0) FROM moderations) AS moderation
FROM (
  SELECT n.id, n.seq, 0 AS act
  FROM snapshots AS n
  WHERE n.seq = CASE
    WHEN ?1 IS NULL
      THEN (SELECT max(seq) FROM changes)
    ELSE (SELECT max(seq) FROM changes WHERE benchmark_id = ?1)
  END
  UNION ALL
  SELECT o.id, o.after_seq, o.seq
  FROM moderations AS o
  WHERE o.seq = CASE
    WHEN ?1 IS NULL
      THEN (SELECT max(seq) FROM moderations)
    ELSE (SELECT max(seq) FROM moderations WHERE benchmark_id = ?1)
  END
  UNION ALL
  SELECT s.id, s.after_seq, s.act
  FROM seals AS s
  WHERE s.act = CASE
    WHEN ?1 IS NULL
      THEN (SELECT max(act) FROM seals)
    ELSE (SELECT max(act) FROM seals WHERE benchmark_id = ?1)
  END
) AS l
ORDER BY l.seq DESC, l.act DESC
LIMIT 1
