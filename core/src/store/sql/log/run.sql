-- Reads what was published of a run but its results: every column, of which the data set tells some.
-- ?1 run
SELECT r.*, v.private_tasks
FROM runs AS r
  JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version
WHERE r.id = ?1
