-- Lists packs of a run after a result, in their order, also those that nobody reads yet.
-- ?1 run, ?2 and ?3 task and attempt that the pack before ended with, ?4 packs
SELECT id, first_task, first_attempt, last_task, last_attempt, results, size, pack
FROM result_packs
WHERE run_id = ?1 AND (last_task, last_attempt) > (?2, ?3)
ORDER BY last_task, last_attempt
LIMIT ?4
