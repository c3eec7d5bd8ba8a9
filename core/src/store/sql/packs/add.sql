-- Adds a pack of a run's results.
-- ?1 run, ?2 and ?3 task and attempt of the first, ?4 and ?5 of the last, ?6 how many, ?7 what they count in a page of the
-- data set, ?8 pack
INSERT INTO result_packs (run_id, first_task, first_attempt, last_task, last_attempt, results, size, pack)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
