-- Claims a benchmark's name, where nobody has it.
-- ?1 benchmark, ?2 owner, ?3 now
INSERT INTO benchmarks (id, owner_id, created_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING
