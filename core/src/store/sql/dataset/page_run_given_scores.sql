-- Reads a page of the scores that sources publish. It walks rows by their key, public (told) or not, and of long ones
-- fewer: 1 MB of texts, or one row. Where walked is more than the rows of the answer, there are more.
-- ?1 snapshot's place in the order of all, ?2 rows, ?3 the key that the page before ended with
WITH page AS MATERIALIZED (
  SELECT
    run_id, row_number() OVER w AS place, sum(size) OVER w - size AS ahead, size, count(*) OVER () AS walked
  FROM (SELECT run_id, 0 AS size FROM run_given_scores WHERE (run_id) > (?3) ORDER BY run_id LIMIT ?2 + 1)
  WINDOW w AS (ORDER BY run_id ROWS UNBOUNDED PRECEDING)
)
SELECT
  page.walked,
  EXISTS (SELECT 1 FROM changes AS c WHERE c.run_id = t.run_id AND c.seq <= ?1)
    AND EXISTS (
      SELECT 1
      FROM runs AS o
        JOIN models AS m ON m.id = o.model_id
        JOIN benchmarks AS b ON b.id = o.benchmark_id
      WHERE o.id = t.run_id AND m.hidden_reason IS NULL AND b.hidden_reason IS NULL
    ) AS told,
  t.run_id, t.score, t.standard_error, t.interval_low, t.interval_high, t.tasks, t.samples, t.cost_usd,
  t.mean_latency_ms
FROM page
  CROSS JOIN run_given_scores AS t USING (run_id)
WHERE page.place <= ?2 AND (page.place = 1 OR page.ahead + page.size <= 1000000)
ORDER BY page.place
