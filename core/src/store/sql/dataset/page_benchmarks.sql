-- Reads a page of the benchmarks. It walks rows by their key, public (told) or not, and of long ones fewer: 1 MB of
-- texts, or one row. Where walked is more than the rows of the answer, there are more.
-- ?1 snapshot's place in the order of all, ?2 rows, ?3 the key that the page before ended with
WITH page AS MATERIALIZED (
  SELECT id, row_number() OVER w AS place, sum(size) OVER w - size AS ahead, size, count(*) OVER () AS walked
  FROM (SELECT id, 0 AS size FROM benchmarks WHERE (id) > (?3) ORDER BY id LIMIT ?2 + 1)
  WINDOW w AS (ORDER BY id ROWS UNBOUNDED PRECEDING)
)
SELECT page.walked, t.hidden_reason IS NULL AS told, t.id, t.created_at, t.current_version
FROM page
  CROSS JOIN benchmarks AS t USING (id)
WHERE page.place <= ?2 AND (page.place = 1 OR page.ahead + page.size <= 1000000)
ORDER BY page.place
