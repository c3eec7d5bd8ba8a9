-- Adds nodes of the tree.
-- ?1 a JSON array of [level, index, hash]
INSERT INTO log_nodes (level, idx, hash)
SELECT value ->> 0, value ->> 1, value ->> 2
FROM json_each(?1)
