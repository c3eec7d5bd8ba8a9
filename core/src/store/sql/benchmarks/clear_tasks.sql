-- Forgets a version's tasks, where the statement before changed its definition.
-- ?1 benchmark, ?2 version
DELETE FROM benchmark_tasks WHERE benchmark_id = ?1 AND version = ?2 AND changes() > 0
