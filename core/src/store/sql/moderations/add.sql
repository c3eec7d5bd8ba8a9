-- A line in the log, where the statement before changed something.
-- ?1 id, ?2 kind, ?3 model, ?4 benchmark, ?5 name, ?6 reason, ?7 time
INSERT INTO moderations (id, after_seq, kind, model_id, benchmark_id, name, reason, created_at)
SELECT ?1, coalesce((SELECT max(seq) FROM snapshots), 0), ?2, ?3, ?4, ?5, ?6, ?7
WHERE changes() > 0
