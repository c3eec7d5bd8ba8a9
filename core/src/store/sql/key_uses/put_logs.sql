-- Puts the logs of the limits of keys, of which there is none.
-- ?1 an array of arrays: the id of the first key that shares it, window in milliseconds, and an array of time and cost.
INSERT INTO rate_limit_totals (subject, name, at, cost, running, expires_at)
SELECT
  l.value ->> 0,
  'key',
  e.value ->> 0,
  e.value ->> 1,
  sum(e.value ->> 1) OVER (PARTITION BY l.value ->> 0 ORDER BY e.value ->> 0),
  (e.value ->> 0) + (l.value ->> 1)
FROM json_each(?1) AS l JOIN json_each(l.value, '$[2]') AS e
