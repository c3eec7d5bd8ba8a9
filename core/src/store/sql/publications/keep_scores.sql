-- Keeps what a comparison needs of run ?1, in one row: the tasks' means ?2, the counts of passes ?3, the parts' means ?4.
INSERT INTO run_scores (run_id, scores, pass_counts, parts) VALUES (?1, ?2, ?3, ?4)
