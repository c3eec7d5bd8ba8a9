-- Loads benchmarks.
-- ?1 rows of benchmarks, as a JSON array of objects
INSERT INTO benchmarks (id, created_at, current_version)
SELECT value ->> 'id', value ->> 'created_at', value ->> 'current_version'
FROM json_each(?1)
