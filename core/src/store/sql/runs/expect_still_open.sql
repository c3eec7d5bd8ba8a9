-- Guards that the run is open, whoever's it is.
-- ?1 run
INSERT INTO batch_guard (expectation)
SELECT 'run_open'
WHERE NOT EXISTS (SELECT 1 FROM runs WHERE id = ?1 AND status = 'open')
