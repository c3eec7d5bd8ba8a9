-- Keeps what a comparison needs of a run, in one row.
-- ?1 run, ?2 the tasks' means, ?3 the counts of passes, ?4 the parts' means, each in JSON
INSERT INTO run_scores (run_id, scores, pass_counts, parts) VALUES (?1, ?2, ?3, ?4)
