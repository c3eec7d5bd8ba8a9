-- Lists published runs whose results were digested when they were published, by id.
-- ?1 the run that the page before ended with, ?2 rows
SELECT r.id, r.results_digest, r.digested_results, v.private_tasks
FROM runs AS r
  JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version
WHERE r.id > ?1 AND r.results_digest IS NOT NULL
ORDER BY r.id
LIMIT CAST(?2 AS INTEGER)
