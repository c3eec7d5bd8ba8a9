-- Guards that the database holds nothing that a dataset would be mixed with.
INSERT INTO batch_guard (expectation)
SELECT 'deployment_unused'
WHERE EXISTS (SELECT 1 FROM models WHERE id > '')
  OR EXISTS (SELECT 1 FROM benchmarks WHERE id > '')
  OR EXISTS (SELECT 1 FROM runs WHERE id > '')
