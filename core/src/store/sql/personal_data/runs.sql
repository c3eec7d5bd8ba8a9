-- The runs that person ?1 opened: ?2 rows at most, after the first ?3.
SELECT
  id, model_id, agent_name, agent_version, configuration, links, benchmark_id, version, status, created_at
FROM runs
WHERE owner_id = ?1
ORDER BY id
LIMIT ?2 OFFSET ?3
