-- Lists results of a run in the order of task and attempt.
-- ?1 run, ?2 and ?3 task and attempt of the last one before, ?4 rows
SELECT x.*
FROM results AS x
WHERE x.run_id = ?1 AND (x.task_id, x.attempt) > (?2, ?3)
ORDER BY x.task_id, x.attempt
LIMIT ?4
