-- Whether the tasks of version ?2 of benchmark ?1 are private, and why it is hidden; no row where there is no such version.
SELECT v.private_tasks, b.hidden_reason FROM benchmark_versions AS v JOIN benchmarks AS b ON b.id = v.benchmark_id
WHERE v.benchmark_id = ?1 AND v.version = ?2
