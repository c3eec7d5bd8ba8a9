-- Guards that the last statement to write loaded all of its rows.
-- ?1 how many rows
INSERT INTO batch_guard (expectation) SELECT 'dataset_complete' WHERE changes() <> ?1
