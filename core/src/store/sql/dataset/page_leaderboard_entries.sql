-- Reads a page of the leaderboard entries; one that ended later still stands. It walks rows by their key, public
-- (told) or not, and of long ones fewer: 1 MB of texts, or one row. Where walked is more than the rows of the answer,
-- there are more.
-- ?1 snapshot's place in the order of all, ?2 rows, ?3 to ?7 the key that the page before ended with
WITH page AS MATERIALIZED (
  SELECT
    benchmark_id, version, model_id, from_seq, run_id, row_number() OVER w AS place,
    sum(size) OVER w - size AS ahead, size, count(*) OVER () AS walked
  FROM (
    SELECT benchmark_id, version, model_id, from_seq, run_id, octet_length(display_name) + 600 AS size
    FROM leaderboard_entries
    WHERE (benchmark_id, version, model_id, from_seq, run_id) > (?3, ?4, ?5, ?6, ?7)
    ORDER BY benchmark_id, version, model_id, from_seq, run_id
    LIMIT ?2 + 1
  )
  WINDOW w AS (ORDER BY benchmark_id, version, model_id, from_seq, run_id ROWS UNBOUNDED PRECEDING)
)
SELECT
  page.walked,
  t.from_seq <= ?1 AND EXISTS (
    SELECT 1
    FROM runs AS o
      JOIN models AS m ON m.id = o.model_id
      JOIN benchmarks AS b ON b.id = o.benchmark_id
    WHERE o.id = t.run_id AND m.hidden_reason IS NULL AND b.hidden_reason IS NULL
  ) AS told,
  t.benchmark_id, t.version, t.model_id, t.system_id, t.run_id, t.from_seq,
  CASE WHEN t.to_seq <= ?1 THEN t.to_seq END AS to_seq, t.display_name, t.contaminated,
  t.ranked
FROM page
  CROSS JOIN leaderboard_entries AS t USING (benchmark_id, version, model_id, from_seq, run_id)
WHERE page.place <= ?2 AND (page.place = 1 OR page.ahead + page.size <= 1000000)
ORDER BY page.place
