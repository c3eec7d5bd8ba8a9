-- Reads what a page of the results at public tasks is made of: rows, and packs (where pack is not null) that hold more of
-- them. There are so many that it looks up each run once a page. Both are walked by the key of a result, public (told) or
-- not, to the first result that is too many, or too long for a page of 1 MB of texts; of the first pack some results may
-- come before. Where a key is compared with the walk's, + lets an index be sought by all of it.
-- ?1 snapshot's place in the order of all, ?2 rows, ?3 to ?5 the key that the page before ended with
WITH RECURSIVE page AS MATERIALIZED (
  SELECT
    *, sum(size) OVER (ORDER BY run_id, task_id, attempt ROWS UNBOUNDED PRECEDING) - size AS ahead
  FROM (
    SELECT *, octet_length(task_id) + coalesce(octet_length(parts), 0) + 300 AS size
    FROM results
    WHERE (run_id, task_id, attempt) > (?3, ?4, ?5)
    ORDER BY run_id, task_id, attempt
    LIMIT ?2 + 1
  )
),
walked (id, run_id, last_task, last_attempt, results, size) AS (
  SELECT
    p.id, p.run_id, p.last_task, p.last_attempt,
    CASE WHEN (p.run_id, p.first_task, p.first_attempt) > (?3, ?4, ?5) THEN p.results ELSE 1 END,
    CASE WHEN (p.run_id, p.first_task, p.first_attempt) > (?3, ?4, ?5) THEN p.size ELSE 0 END
  FROM result_packs AS p
  WHERE p.id = (
    SELECT n.id
    FROM result_packs AS n
      CROSS JOIN runs AS r ON r.id = n.run_id AND r.packed_at IS NOT NULL
    WHERE (n.run_id, n.last_task, n.last_attempt) > (?3, ?4, ?5)
    ORDER BY n.run_id, n.last_task, n.last_attempt
    LIMIT 1
  )
  UNION ALL
  SELECT p.id, p.run_id, p.last_task, p.last_attempt, w.results + p.results, w.size + p.size
  FROM walked AS w
    CROSS JOIN result_packs AS p ON p.id = (
      SELECT n.id
      FROM result_packs AS n
        CROSS JOIN runs AS r ON r.id = n.run_id AND r.packed_at IS NOT NULL
      WHERE (n.run_id, n.last_task, n.last_attempt) > (+w.run_id, +w.last_task, +w.last_attempt)
      ORDER BY n.run_id, n.last_task, n.last_attempt
      LIMIT 1
    )
  WHERE w.results <= ?2 AND w.size <= 1000000
),
known AS MATERIALIZED (
  SELECT
    r.id AS run_id,
    NOT v.private_tasks
      AND EXISTS (SELECT 1 FROM changes AS c WHERE c.run_id = r.id AND c.seq <= ?1)
      AND EXISTS (
        SELECT 1
        FROM runs AS o
          JOIN models AS m ON m.id = o.model_id
          JOIN benchmarks AS b ON b.id = o.benchmark_id
        WHERE o.id = r.id AND m.hidden_reason IS NULL AND b.hidden_reason IS NULL
      ) AS told
  FROM (SELECT run_id FROM page UNION SELECT run_id FROM walked) AS q
    CROSS JOIN runs AS r ON r.id = q.run_id
    JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version
)
SELECT
  p.pack, p.results, p.size, known.told, p.run_id, NULL AS task_id, NULL AS attempt, NULL AS status, NULL AS score, NULL AS samples,
  NULL AS correct, NULL AS latency_ms, NULL AS input_tokens, NULL AS output_tokens, NULL AS cost_usd, NULL AS parts
FROM walked
  CROSS JOIN known USING (run_id)
  CROSS JOIN result_packs AS p ON p.id = walked.id
UNION ALL
SELECT
  NULL AS pack, NULL AS results, NULL AS size, known.told, page.run_id, page.task_id, page.attempt, page.status, page.score, page.samples,
  page.correct, page.latency_ms, page.input_tokens, page.output_tokens, page.cost_usd, page.parts
FROM page
  CROSS JOIN known USING (run_id)
WHERE page.ahead <= 1000000
