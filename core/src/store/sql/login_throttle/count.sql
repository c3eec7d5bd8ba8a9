-- The password that was being checked as ?1 was wrong, as is known at ?2: one failure more of each of its subjects. A last
-- failure of a clock that was set back since counts for nothing, as in begin.sql.
-- D1 binds numbers as REAL: the cast keeps the division one of whole numbers.
INSERT INTO guesses (subject, failures, last_at, previous_at)
SELECT
  subject,
  max(0, failures - max(0, CAST(?2 AS INTEGER) - last_at) / longest_ms) + 1,
  max(last_at, CAST(?2 AS INTEGER)),
  last_at
FROM (
  SELECT f.subject, f.longest_ms, coalesce(g.failures, 0) AS failures,
    iif(g.last_at <= ?2 + f.longest_ms, g.last_at, 0) AS last_at
  FROM guesses_in_flight AS f LEFT JOIN guesses AS g ON g.subject = f.subject
  WHERE f.id = ?1
)
WHERE true
ON CONFLICT (subject) DO UPDATE SET
  failures = excluded.failures, last_at = excluded.last_at, previous_at = excluded.previous_at
