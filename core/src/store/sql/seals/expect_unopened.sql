-- Guards that no other run was published with the seal that the run has.
-- ?1 run
INSERT INTO batch_guard (expectation)
SELECT 'seal_unopened'
FROM runs AS r
  JOIN runs AS o ON o.seal_id = r.seal_id AND o.published_at IS NOT NULL
WHERE r.id = ?1 AND r.seal_id IS NOT NULL AND o.id <> r.id
