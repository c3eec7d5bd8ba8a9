-- Finds who declared a benchmark, and why an administrator hid it.
-- ?1 benchmark
SELECT owner_id, hidden_reason FROM benchmarks WHERE id = ?1
