-- A piece of the results of run ?1 after the task ?3 and its attempt ?4, at most ?5, while the run is ?2's and open: what
-- publishing adds up.
SELECT x.task_id, x.attempt, x.score, x.samples, x.correct, x.latency_ms, x.cost_usd, x.parts FROM results AS x
WHERE x.run_id = ?1 AND (x.task_id, x.attempt) > (?3, ?4)
  AND EXISTS (SELECT 1 FROM runs WHERE id = ?1 AND owner_id = ?2 AND status = 'open')
ORDER BY x.task_id, x.attempt LIMIT ?5
