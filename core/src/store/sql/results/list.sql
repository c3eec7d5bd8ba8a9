-- Reads a run's results after one, by task and attempt: as rows, or in the packs that hold them, as many as it takes. Of
-- the first pack some may come before: at least one does not.
-- Where a key is compared with the walk's, + lets an index be sought by all of it.
-- ?1 run, ?2 and ?3 task and attempt of the last one before, ?4 rows
WITH RECURSIVE walked (id, last_task, last_attempt, results) AS (
  SELECT
    p.id, p.last_task, p.last_attempt, CASE WHEN (p.first_task, p.first_attempt) > (?2, ?3) THEN p.results ELSE 1 END
  FROM result_packs AS p
  WHERE p.id = (
      SELECT n.id
      FROM result_packs AS n
      WHERE n.run_id = ?1 AND (n.last_task, n.last_attempt) > (?2, ?3)
      ORDER BY n.last_task, n.last_attempt
      LIMIT 1
    )
    AND EXISTS (SELECT 1 FROM runs WHERE id = ?1 AND packed_at IS NOT NULL)
  UNION ALL
  SELECT p.id, p.last_task, p.last_attempt, w.results + p.results
  FROM walked AS w
    CROSS JOIN result_packs AS p ON p.id = (
      SELECT n.id
      FROM result_packs AS n
      WHERE n.run_id = ?1 AND (n.last_task, n.last_attempt) > (+w.last_task, +w.last_attempt)
      ORDER BY n.last_task, n.last_attempt
      LIMIT 1
    )
  WHERE w.results < ?4
)
SELECT
  NULL AS pack, NULL AS results, NULL AS size, NULL AS told, x.run_id, x.task_id, x.attempt, x.status, x.score, x.samples, x.correct, x.latency_ms, x.input_tokens,
  x.output_tokens, x.cost_usd, x.parts
FROM (
  SELECT *
  FROM results
  WHERE run_id = ?1 AND (task_id, attempt) > (?2, ?3)
  ORDER BY task_id, attempt
  LIMIT ?4
) AS x
UNION ALL
SELECT p.pack, p.results, p.size, NULL, p.run_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM walked AS w
  CROSS JOIN result_packs AS p ON p.id = w.id
