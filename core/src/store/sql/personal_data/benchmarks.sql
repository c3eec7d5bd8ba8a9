-- The benchmarks that person ?1 declared: ?2 rows at most, after the first ?3.
SELECT id, created_at FROM benchmarks WHERE owner_id = ?1 ORDER BY id LIMIT ?2 OFFSET ?3
