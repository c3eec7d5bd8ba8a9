-- Lists leaves with their hashes. The text is withheld where it names what is hidden; what moderation did stays public.
-- ?1 the first, ?2 leaves
SELECT
  l.idx, l.change_id, n.hash,
  CASE
    WHEN l.leaf ->> '$.change.kind' IN ('hidden', 'unhidden', 'renamed')
      THEN l.leaf
    WHEN EXISTS (
      SELECT 1 FROM benchmarks AS b WHERE b.id = l.leaf ->> '$.change.benchmark' AND b.hidden_reason IS NOT NULL
    )
      THEN NULL
    WHEN EXISTS (
      SELECT 1 FROM models AS m WHERE m.id = l.leaf ->> '$.change.model' AND m.hidden_reason IS NOT NULL
    )
      THEN NULL
    WHEN EXISTS (
      SELECT 1
      FROM json_each(l.leaf, '$.change.moved') AS w
        JOIN models AS m ON m.id = w.value ->> 'model'
      WHERE m.hidden_reason IS NOT NULL
    )
      THEN NULL
    ELSE l.leaf
  END AS leaf
FROM log_leaves AS l
  CROSS JOIN log_nodes AS n ON n.level = 0 AND n.idx = l.idx
WHERE l.idx >= ?1
ORDER BY l.idx
LIMIT ?2
