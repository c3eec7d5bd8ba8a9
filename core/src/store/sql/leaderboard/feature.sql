-- Has a benchmark read where none is named.
-- ?1 benchmark
INSERT INTO featured_benchmark (place, benchmark_id)
VALUES (1, ?1)
ON CONFLICT (place) DO UPDATE SET benchmark_id = excluded.benchmark_id
WHERE benchmark_id <> excluded.benchmark_id
