-- Guards that the run is the person's ('run_owner'), is open, and brings the evidence ('run_open').
-- ?1 run, ?2 person, ?3 'results', 'counts' or 'score'
INSERT INTO batch_guard (expectation)
SELECT CASE WHEN EXISTS (SELECT 1 FROM runs WHERE id = ?1 AND owner_id = ?2) THEN 'run_open' ELSE 'run_owner' END
WHERE NOT EXISTS (
  SELECT 1
  FROM runs AS r
    JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version
  WHERE r.id = ?1 AND r.owner_id = ?2 AND r.status = 'open' AND v.evidence = ?3
)
