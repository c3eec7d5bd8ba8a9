-- Reads a page of the snapshots. It walks rows by their key, public (told) or not, and of long ones fewer: 1 MB of
-- texts, or one row. Where walked is more than the rows of the answer, there are more.
-- ?1 snapshot's place in the order of all, ?2 rows, ?3 the key that the page before ended with
WITH page AS MATERIALIZED (
  SELECT seq, row_number() OVER w AS place, sum(size) OVER w - size AS ahead, size, count(*) OVER () AS walked
  FROM (SELECT seq, 0 AS size FROM snapshots WHERE (seq) > (?3) AND seq <= ?1 ORDER BY seq LIMIT ?2 + 1)
  WINDOW w AS (ORDER BY seq ROWS UNBOUNDED PRECEDING)
)
SELECT
  page.walked,
  EXISTS (SELECT 1 FROM benchmarks AS b WHERE b.id = t.benchmark_id AND b.hidden_reason IS NULL) AS told,
  t.seq, t.id, t.benchmark_id, t.version, t.created_at
FROM page
  CROSS JOIN snapshots AS t USING (seq)
WHERE page.place <= ?2 AND (page.place = 1 OR page.ahead + page.size <= 1000000)
ORDER BY page.place
