-- Lists the first benchmarks and models that are not hidden.
-- ?1 how many of each
SELECT 'benchmark' AS kind, id
FROM (SELECT id FROM benchmarks WHERE id > '' AND hidden_reason IS NULL ORDER BY id LIMIT ?1)
UNION ALL
SELECT 'model' AS kind, id
FROM (SELECT id FROM models WHERE id > '' AND hidden_reason IS NULL ORDER BY id LIMIT ?1)
