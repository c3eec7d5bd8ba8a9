-- Keeps a version's definition, where it says something else than before.
-- ?1 benchmark, ?2 version, ?3 definition, in canonical JSON
INSERT INTO benchmark_definitions (benchmark_id, version, definition)
VALUES (?1, ?2, ?3)
ON CONFLICT (benchmark_id, version) DO UPDATE SET definition = excluded.definition
WHERE definition <> excluded.definition
