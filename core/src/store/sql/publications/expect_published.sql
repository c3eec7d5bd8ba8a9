-- Guards that the run is published.
-- ?1 run, ?2 its owner, anybody where null
INSERT INTO batch_guard (expectation)
SELECT 'run_published'
WHERE NOT EXISTS (SELECT 1 FROM runs WHERE id = ?1 AND (?2 IS NULL OR owner_id = ?2) AND status = 'published')
