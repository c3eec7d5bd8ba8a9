-- Guards that run ?1 is ?2's and open, and its results are those of revision ?3.
INSERT INTO batch_guard (expectation) SELECT 'run_unchanged'
WHERE NOT EXISTS (SELECT 1 FROM runs WHERE id = ?1 AND owner_id = ?2 AND status = 'open' AND revision = ?3)
