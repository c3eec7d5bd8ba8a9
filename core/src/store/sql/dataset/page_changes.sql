-- Reads a page of the changes. It walks rows by their key, public (told) or not, and of long ones fewer: 1 MB of
-- texts, or one row. Where walked is more than the rows of the answer, there are more.
-- ?1 snapshot's place in the order of all, ?2 rows, ?3 the key that the page before ended with
WITH page AS MATERIALIZED (
  SELECT seq, row_number() OVER w AS place, sum(size) OVER w - size AS ahead, size, count(*) OVER () AS walked
  FROM (
    SELECT seq, octet_length(moved) + coalesce(octet_length(reason), 0) AS size
    FROM changes
    WHERE (seq) > (?3) AND seq <= ?1
    ORDER BY seq
    LIMIT ?2 + 1
  )
  WINDOW w AS (ORDER BY seq ROWS UNBOUNDED PRECEDING)
)
SELECT
  page.walked,
  EXISTS (
    SELECT 1
    FROM runs AS o
      JOIN models AS m ON m.id = o.model_id
      JOIN benchmarks AS b ON b.id = o.benchmark_id
    WHERE o.id = t.run_id AND m.hidden_reason IS NULL AND b.hidden_reason IS NULL
  ) AS told,
  t.seq, t.benchmark_id, t.kind, t.model_id, t.system_id, t.run_id, t.reason, t.previous_run_id,
  t.current_run_id, t.rank_before, t.rank_after,
  CASE
    WHEN EXISTS (
      SELECT 1
      FROM json_each(t.moved) AS w
        JOIN models AS h ON h.id = w.value ->> 'model'
      WHERE h.hidden_reason IS NOT NULL
    )
      THEN (
        SELECT json_group_array(json(w.value))
        FROM json_each(t.moved) AS w
        WHERE NOT EXISTS (
          SELECT 1 FROM models AS h WHERE h.id = w.value ->> 'model' AND h.hidden_reason IS NOT NULL
        )
      )
    ELSE t.moved
  END AS moved
FROM page
  CROSS JOIN changes AS t USING (seq)
WHERE page.place <= ?2 AND (page.place = 1 OR page.ahead + page.size <= 1000000)
ORDER BY page.place
