-- Finds published runs that name a seal which is not there, or says something else.
-- ?1 rows
SELECT 'run ' || r.id || ' was published with a seal that is not its own' AS problem
FROM runs AS r
  LEFT JOIN seals AS s ON s.id = r.seal_id
WHERE r.seal_id IS NOT NULL
  AND (s.system_id, s.benchmark_id, s.version, s.harness, s.harness_version, s.commit_hash)
    IS NOT (r.system_id, r.benchmark_id, r.version, r.harness, r.harness_version, r.commit_hash)
ORDER BY r.id
LIMIT CAST(?1 AS INTEGER)
