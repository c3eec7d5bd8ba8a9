-- Tells whether the database holds what a dataset would be mixed with.
SELECT
  EXISTS (SELECT 1 FROM models WHERE id > '')
  OR EXISTS (SELECT 1 FROM benchmarks WHERE id > '')
  OR EXISTS (SELECT 1 FROM runs WHERE id > '') AS used
