-- Lists nodes of the log's tree after one, level by level.
-- ?1 and ?2 level and place of the last one before, ?3 rows
SELECT level, idx, hash FROM log_nodes WHERE (level, idx) > (?1, ?2) ORDER BY level, idx LIMIT CAST(?3 AS INTEGER)
