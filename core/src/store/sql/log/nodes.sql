-- Reads stored nodes of the tree.
-- ?1 which: a JSON array of [level, index]
SELECT n.level, n.idx, n.hash
FROM json_each(?1) AS w
  CROSS JOIN log_nodes AS n ON n.level = w.value ->> 0 AND n.idx = w.value ->> 1
