-- Tells how far the results of a run are packed: how many, and which was the last.
-- ?1 run
SELECT
  coalesce(sum(results), 0) AS results, coalesce(max(last_task), '') AS task,
  coalesce(
    (
      SELECT n.last_attempt
      FROM result_packs AS n
      WHERE n.run_id = ?1
      ORDER BY n.last_task DESC, n.last_attempt DESC
      LIMIT 1
    ),
    0
  ) AS attempt
FROM result_packs
WHERE run_id = ?1
