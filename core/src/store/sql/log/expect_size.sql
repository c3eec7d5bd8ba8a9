-- Guards that the log has this many leaves.
-- ?1 leaves
INSERT INTO batch_guard (expectation)
SELECT 'log_size'
WHERE coalesce((SELECT max(idx) + 1 FROM log_leaves), 0) <> ?1
