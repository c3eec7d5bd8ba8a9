-- Keeps what version ?2 of benchmark ?1 says, ?3, where it says something else.
INSERT INTO benchmark_definitions (benchmark_id, version, definition) VALUES (?1, ?2, ?3)
ON CONFLICT (benchmark_id, version) DO UPDATE SET definition = excluded.definition WHERE definition <> excluded.definition
