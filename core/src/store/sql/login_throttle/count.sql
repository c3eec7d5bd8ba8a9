-- The password that was being checked as ?1 was wrong, as is known at ?2: one failure more of each of its subjects.
-- D1 binds numbers as REAL: the cast keeps the division one of whole numbers.
INSERT INTO guesses (subject, failures, last_at, previous_at)
SELECT f.subject,
  coalesce(max(0, g.failures - (CAST(?2 AS INTEGER) - g.last_at) / f.longest_ms), 0) + 1,
  max(coalesce(g.last_at, 0), ?2),
  coalesce(g.last_at, 0)
FROM guesses_in_flight AS f LEFT JOIN guesses AS g ON g.subject = f.subject
WHERE f.id = ?1
ON CONFLICT (subject) DO UPDATE SET
  failures = excluded.failures, last_at = excluded.last_at, previous_at = excluded.previous_at
