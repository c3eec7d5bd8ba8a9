-- Finds lines of the log of changes that have no leaf although later ones have, leaves of no line, and leaves out of place.
-- ?1 rows
WITH line AS (
  SELECT c.seq, 0 AS act, n.id
  FROM changes AS c
    JOIN snapshots AS n ON n.seq = c.seq
  UNION ALL
  SELECT after_seq, seq, id
  FROM moderations
  UNION ALL
  SELECT after_seq, act, id
  FROM seals
),
numbered AS (
  SELECT idx, change_id, seq, act, row_number() OVER (ORDER BY seq, act) - 1 AS place
  FROM log_leaves
),
last AS (
  SELECT seq, act
  FROM log_leaves
  WHERE idx = (SELECT max(idx) FROM log_leaves)
)
SELECT problem
FROM (
  SELECT 'leaf ' || l.idx || ' is in the wrong place, or of no change' AS problem
  FROM numbered AS l
    LEFT JOIN line AS i ON i.id = l.change_id
  WHERE l.place <> l.idx OR (i.seq, i.act) IS NOT (l.seq, l.act)
  UNION ALL
  SELECT 'change ' || i.id || ' has no leaf, and later ones have'
  FROM line AS i
    JOIN last AS t ON (i.seq, i.act) <= (t.seq, t.act)
  WHERE NOT EXISTS (SELECT 1 FROM log_leaves AS l WHERE l.change_id = i.id)
)
ORDER BY problem
LIMIT CAST(?1 AS INTEGER)
