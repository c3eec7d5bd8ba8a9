-- Reads a page of the public tasks. It walks rows by their key, public (told) or not, and of long ones fewer: 1 MB of
-- texts, or one row. Where walked is more than the rows of the answer, there are more.
-- ?1 snapshot's place in the order of all, ?2 rows, ?3 to ?5 the key that the page before ended with
WITH page AS MATERIALIZED (
  SELECT
    benchmark_id, version, task_id, row_number() OVER w AS place, sum(size) OVER w - size AS ahead, size,
    count(*) OVER () AS walked
  FROM (
    SELECT
      benchmark_id, version, task_id,
      octet_length(task_id) + coalesce(octet_length(scenario), 0) + coalesce(octet_length(language), 0)
        + coalesce(octet_length(difficulty), 0) + coalesce(octet_length(cluster), 0) + 300 AS size
    FROM benchmark_tasks
    WHERE (benchmark_id, version, task_id) > (?3, ?4, ?5)
    ORDER BY benchmark_id, version, task_id
    LIMIT ?2 + 1
  )
  WINDOW w AS (ORDER BY benchmark_id, version, task_id ROWS UNBOUNDED PRECEDING)
)
SELECT
  page.walked,
  EXISTS (
    SELECT 1
    FROM benchmark_versions AS v
    WHERE v.benchmark_id = t.benchmark_id AND v.version = t.version AND NOT v.private_tasks
  )
    AND EXISTS (
      SELECT 1 FROM benchmarks AS b WHERE b.id = t.benchmark_id AND b.hidden_reason IS NULL
    ) AS told,
  t.benchmark_id, t.version, t.task_id, t.position, t.scenario, t.language, t.difficulty, t.cluster
FROM page
  CROSS JOIN benchmark_tasks AS t USING (benchmark_id, version, task_id)
WHERE page.place <= ?2 AND (page.place = 1 OR page.ahead + page.size <= 1000000)
ORDER BY page.place
