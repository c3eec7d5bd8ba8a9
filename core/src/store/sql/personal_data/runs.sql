-- The runs that person ?1 opened, oldest first: ?2 rows at most, from after time ?3 and id ?4.
SELECT
  id, model_id, agent_name, agent_version, configuration, links, benchmark_id, version, status, created_at,
  created_at AS place_at, id AS place_id
FROM runs
WHERE owner_id = ?1 AND (created_at, id) > (?3, ?4)
ORDER BY created_at, id
LIMIT ?2
