-- Guards that the run is the person's and open, and that its results are those of the revision.
-- ?1 run, ?2 person, ?3 revision
INSERT INTO batch_guard (expectation)
SELECT 'run_unchanged'
WHERE NOT EXISTS (SELECT 1 FROM runs WHERE id = ?1 AND owner_id = ?2 AND status = 'open' AND revision = ?3)
