-- Loads snapshots.
-- ?1 rows of snapshots, as a JSON array of objects
INSERT INTO snapshots (seq, id, benchmark_id, version, created_at)
SELECT value ->> 'seq', value ->> 'id', value ->> 'benchmark_id', value ->> 'version', value ->> 'created_at'
FROM json_each(?1)
