-- Finds a version's definition, in canonical JSON.
-- ?1 benchmark, ?2 version
SELECT definition FROM benchmark_definitions WHERE benchmark_id = ?1 AND version = ?2
