-- Reads the nodes that the whole log consists of: the roots of the perfect subtrees that it has, at most one of each level.
WITH RECURSIVE log AS MATERIALIZED (
  SELECT coalesce(max(idx) + 1, 0) AS size
  FROM log_leaves
),
levels AS (
  SELECT 0 AS level
  UNION ALL
  SELECT level + 1
  FROM levels
  WHERE level < 52
)
SELECT n.level, n.idx, n.hash
FROM log AS l
  CROSS JOIN levels AS p ON (l.size >> p.level) & 1 = 1
  CROSS JOIN log_nodes AS n ON n.level = p.level AND n.idx = (l.size >> (p.level + 1)) << 1
