-- Writes a line of the public log of moderation, where the statement before this one changed a row: ?1 its id, ?2 what
-- was done, ?3 the model or ?4 the benchmark it was done to, ?5 the new name, ?6 the reason, ?7 the time.
INSERT INTO moderations (seq, id, after_seq, kind, model_id, benchmark_id, name, reason, created_at)
SELECT
  1 + max(coalesce((SELECT max(seq) FROM moderations), 0), coalesce((SELECT max(act) FROM seals), 0)),
  ?1, coalesce((SELECT max(seq) FROM snapshots), 0), ?2, ?3, ?4, ?5, ?6, ?7
WHERE changes() > 0
