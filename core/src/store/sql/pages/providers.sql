-- Lists the providers of models that are not hidden, by name: a look-up for each.
-- ?1 rows
WITH RECURSIVE found (provider) AS (
  SELECT (SELECT m.provider FROM models AS m WHERE m.id > '' AND m.hidden_reason IS NULL ORDER BY m.id LIMIT 1)
  UNION ALL
  SELECT (
    SELECT m.provider
    FROM models AS m
    WHERE m.id > f.provider || '0' AND m.hidden_reason IS NULL
    ORDER BY m.id
    LIMIT 1
  )
  FROM found AS f
  WHERE f.provider IS NOT NULL
  LIMIT ?1
)
SELECT provider FROM found WHERE provider IS NOT NULL
