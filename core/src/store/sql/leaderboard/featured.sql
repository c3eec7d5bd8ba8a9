-- Finds the benchmark that is read where none is named, hidden or not.
SELECT benchmark_id FROM featured_benchmark WHERE place = 1
