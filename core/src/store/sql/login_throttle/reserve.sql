-- Counts a guess at subject ?1, at ?2, unless the delay of those before has not passed. So many as ?3 cost no delay; then
-- it is 1 s, doubling up to ?4 ms. Each time that ?4 ms pass without a guess, one is forgiven.
-- D1 binds numbers as REAL: the cast keeps the division one of whole numbers.
INSERT INTO guesses (subject, failures, last_at, previous_at)
SELECT ?1, 1, ?2, 0 WHERE true
ON CONFLICT (subject) DO UPDATE SET
  previous_at = last_at,
  last_at = max(last_at, ?2),
  failures = max(0, failures - CAST((?2 - last_at) / ?4 AS INTEGER)) + 1
WHERE max(0, failures - CAST((?2 - last_at) / ?4 AS INTEGER)) < ?3
  OR last_at + min(?4, 1000 << min(max(0, failures - CAST((?2 - last_at) / ?4 AS INTEGER)) - ?3, 20)) <= ?2
