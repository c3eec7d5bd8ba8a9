-- Reads a page of the slices of runs. It walks rows by their key, public (told) or not, and of long ones fewer: 1 MB
-- of texts, or one row. Where walked is more than the rows of the answer, there are more.
-- ?1 snapshot's place in the order of all, ?2 rows, ?3 to ?6 the key that the page before ended with
WITH page AS MATERIALIZED (
  SELECT
    run_id, scenario, language, difficulty, row_number() OVER w AS place, sum(size) OVER w - size AS ahead,
    size, count(*) OVER () AS walked
  FROM (
    SELECT
      run_id, scenario, language, difficulty,
      octet_length(scenario) + octet_length(language) + octet_length(difficulty) + 400 AS size
    FROM run_slices
    WHERE (run_id, scenario, language, difficulty) > (?3, ?4, ?5, ?6)
    ORDER BY run_id, scenario, language, difficulty
    LIMIT ?2 + 1
  )
  WINDOW w AS (ORDER BY run_id, scenario, language, difficulty ROWS UNBOUNDED PRECEDING)
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
  t.run_id, t.scenario, t.language, t.difficulty, t.tasks, t.clusters, t.correct, t.total, t.score, t.squares,
  t.cost_usd, t.uncosted, t.p50_ms, t.p95_ms, t.standard_error, t.interval_low, t.interval_high
FROM page
  CROSS JOIN run_slices AS t USING (run_id, scenario, language, difficulty)
WHERE page.place <= ?2 AND (page.place = 1 OR page.ahead + page.size <= 1000000)
ORDER BY page.place
