-- Counts a guess at subject ?1, at ?2, unless the delay of those before has not passed. So many as ?3 cost no delay; then
-- it is 1 s, doubling up to ?4 ms. Each time that ?4 ms pass without a guess, one is forgiven. A last guess of a clock that
-- was set back since counts for nothing, as in begin.sql.
-- D1 binds numbers as REAL: the casts keep the division one of whole numbers.
INSERT INTO guesses (subject, failures, last_at, previous_at)
SELECT ?1, failures + 1, max(last_at, CAST(?2 AS INTEGER)), last_at
FROM (
  SELECT last_at, max(0, failures - max(0, CAST(?2 AS INTEGER) - last_at) / CAST(?4 AS INTEGER)) AS failures
  FROM (
    SELECT coalesce(max(failures), 0) AS failures, coalesce(max(iif(last_at <= ?2 + ?4, last_at, 0)), 0) AS last_at
    FROM guesses WHERE subject = ?1
  )
)
WHERE failures < ?3 OR last_at + min(?4, 1000 << min(failures - ?3, 20)) <= ?2
ON CONFLICT (subject) DO UPDATE SET
  failures = excluded.failures, last_at = excluded.last_at, previous_at = excluded.previous_at
