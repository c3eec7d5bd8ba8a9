-- The seals that person ?1 made: ?2 rows at most, after the first ?3.
SELECT id, model_id, agent_name, agent_version, configuration, benchmark_id, version, sealed_at
FROM seals
WHERE owner_id = ?1
ORDER BY id
LIMIT ?2 OFFSET ?3
