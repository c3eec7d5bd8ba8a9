-- Reads a piece of the results of a person's open run, as publishing adds them up.
-- ?1 run, ?2 person, ?3 and ?4 task and attempt that the piece before ended with, ?5 rows
SELECT x.*
FROM results AS x
WHERE x.run_id = ?1
  AND (x.task_id, x.attempt) > (?3, ?4)
  AND EXISTS (SELECT 1 FROM runs WHERE id = ?1 AND owner_id = ?2 AND status = 'open')
ORDER BY x.task_id, x.attempt
LIMIT ?5
