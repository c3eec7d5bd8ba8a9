-- Sums what was counted of key ?1 from hour ?2 on and before ?3, in buckets of ?4 milliseconds, oldest first, empty ones
-- left out. ?5 is what is not saved yet: an array of arrays of hour, allowed, limited, denied.
SELECT
  h.hour - h.hour % ?4 AS start,
  sum(h.allowed) AS allowed,
  sum(h.limited) AS limited,
  sum(h.denied) AS denied
FROM (
  SELECT c.hour, max(c.allowed) AS allowed, max(c.limited) AS limited, max(c.denied) AS denied
  FROM (
    SELECT hour, allowed, limited, denied FROM api_key_usage WHERE key_id = ?1 AND hour >= ?2 AND hour < ?3
    UNION ALL
    SELECT a.value ->> 0, a.value ->> 1, a.value ->> 2, a.value ->> 3 FROM json_each(?5) AS a
    WHERE a.value ->> 0 >= ?2 AND a.value ->> 0 < ?3
  ) AS c
  GROUP BY c.hour
) AS h
GROUP BY start
ORDER BY start
