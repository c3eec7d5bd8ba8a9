-- Loads scores of runs.
-- ?1 rows of run_scores, as a JSON array of objects
INSERT INTO run_scores (run_id, scores, pass_counts, parts)
SELECT value ->> 'run_id', value ->> 'scores', value ->> 'pass_counts', value ->> 'parts'
FROM json_each(?1)
