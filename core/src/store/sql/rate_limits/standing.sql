-- Where limits stand: what each has in use, and since when (null where nothing is). In the order asked.
-- ?1 an array of arrays: subject, name, window in milliseconds; ?2 the time now.
WITH asked AS MATERIALIZED (
  SELECT
    l.key AS place,
    l.value ->> 0 AS subject,
    l.value ->> 1 AS name,
    n.running,
    max(?2, n.at) - (l.value ->> 2) AS start
  FROM json_each(?1) AS l
  LEFT JOIN rate_limit_totals AS n ON n.subject = l.value ->> 0 AND n.name = l.value ->> 1 AND n.at = (
    SELECT max(m.at) FROM rate_limit_totals AS m WHERE m.subject = l.value ->> 0 AND m.name = l.value ->> 1
  )
)
SELECT
  coalesce(a.running - (
    SELECT f.running - f.cost FROM rate_limit_totals AS f
    WHERE f.subject = a.subject AND f.name = a.name AND f.at > a.start
    ORDER BY f.at LIMIT 1
  ), 0) AS used,
  (
    SELECT f.at FROM rate_limit_totals AS f
    WHERE f.subject = a.subject AND f.name = a.name AND f.at > a.start AND f.cost > 0
    ORDER BY f.at LIMIT 1
  ) AS oldest
FROM asked AS a
ORDER BY a.place
