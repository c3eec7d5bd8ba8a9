-- Finds where a line of the log stands in the order of all.
-- ?1 its id
SELECT seq, 0 AS act
FROM snapshots
WHERE id = ?1
UNION ALL
SELECT after_seq, seq
FROM moderations
WHERE id = ?1
UNION ALL
SELECT after_seq, act
FROM seals
WHERE id = ?1
