-- The seals that person ?1 made: ?2 rows at most, after id ?3.
SELECT
  id, model_id, agent_name, agent_version, configuration, benchmark_id, version, sealed_at,
  0 AS place_at, id AS place_id
FROM seals
WHERE owner_id = ?1 AND id > ?3
ORDER BY id
LIMIT ?2
