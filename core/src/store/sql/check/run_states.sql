-- Finds runs whose state, dates and reason contradict each other.
-- ?1 rows
SELECT 'run ' || id || ' is ' || status || ', and its dates, place or reason say otherwise' AS problem
FROM runs
WHERE (status = 'open' AND (published_at IS NOT NULL OR published_seq IS NOT NULL OR withdrawn_at IS NOT NULL))
  OR (status = 'published' AND published_at IS NULL)
  OR (status IN ('withdrawn', 'rejected') AND (withdrawn_at IS NULL OR reason IS NULL))
  OR (published_at IS NULL) <> (published_seq IS NULL)
  OR (published_at IS NOT NULL AND series IS NULL)
ORDER BY id
LIMIT CAST(?1 AS INTEGER)
