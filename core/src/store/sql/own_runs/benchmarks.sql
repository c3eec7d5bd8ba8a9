-- Lists the benchmarks that person ?1 declared: 100 at most.
SELECT id, current_version, hidden_reason FROM benchmarks WHERE owner_id = ?1 ORDER BY id LIMIT 100
