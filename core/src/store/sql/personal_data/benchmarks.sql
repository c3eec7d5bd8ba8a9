-- The benchmarks that person ?1 declared: ?2 rows at most, after id ?3.
SELECT id, created_at, 0 AS place_at, id AS place_id FROM benchmarks WHERE owner_id = ?1 AND id > ?3 ORDER BY id LIMIT ?2
