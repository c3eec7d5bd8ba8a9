-- Reads a page of the results at public tasks. There are so many that it looks up each run once a page. It walks rows
-- by their key, public (told) or not, and of long ones fewer: 1 MB of texts, or one row. Where walked is more than
-- the rows of the answer, there are more.
-- ?1 snapshot's place in the order of all, ?2 rows, ?3 to ?5 the key that the page before ended with
WITH page AS MATERIALIZED (
  SELECT
    *, count(*) OVER () AS walked,
    sum(octet_length(task_id) + coalesce(octet_length(parts), 0) + 300)
      OVER (ORDER BY run_id, task_id, attempt ROWS UNBOUNDED PRECEDING) AS through
  FROM (
    SELECT *
    FROM results
    WHERE (run_id, task_id, attempt) > (?3, ?4, ?5)
    ORDER BY run_id, task_id, attempt
    LIMIT ?2 + 1
  )
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
  FROM (SELECT DISTINCT run_id FROM page) AS p
    CROSS JOIN runs AS r ON r.id = p.run_id
    JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version
)
SELECT
  page.walked, known.told, page.run_id, page.task_id, page.attempt, page.status, page.score, page.samples,
  page.correct, page.latency_ms, page.input_tokens, page.output_tokens, page.cost_usd, page.parts
FROM page
  CROSS JOIN known USING (run_id)
WHERE page.through <= 1000000
ORDER BY page.run_id, page.task_id, page.attempt
LIMIT ?2
