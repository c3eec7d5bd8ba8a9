-- Loads benchmarks.
-- ?1 rows of benchmarks, as a JSON array of objects
INSERT INTO benchmarks (id, created_at)
SELECT value ->> 'id', value ->> 'created_at'
FROM json_each(?1)
