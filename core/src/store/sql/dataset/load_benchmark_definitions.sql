-- Loads the definitions of versions of the benchmarks that were loaded.
-- ?1 rows of benchmark_versions, as a JSON array of objects
INSERT INTO benchmark_definitions (benchmark_id, version, definition)
SELECT value ->> 'benchmark_id', value ->> 'version', value ->> 'definition'
FROM json_each(?1)
WHERE EXISTS (SELECT 1 FROM benchmarks AS b WHERE b.id = value ->> 'benchmark_id')
