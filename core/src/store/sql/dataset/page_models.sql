-- Reads a page of the models. It walks rows by their key, public (told) or not, and of long ones fewer: 1 MB of
-- texts, or one row. Where walked is more than the rows of the answer, there are more.
-- ?1 snapshot's place in the order of all, ?2 rows, ?3 the key that the page before ended with
WITH page AS MATERIALIZED (
  SELECT id, row_number() OVER w AS place, sum(size) OVER w - size AS ahead, size, count(*) OVER () AS walked
  FROM (
    SELECT id, octet_length(display_name) + coalesce(octet_length(licence), 0) + 500 AS size
    FROM models
    WHERE (id) > (?3)
    ORDER BY id
    LIMIT ?2 + 1
  )
  WINDOW w AS (ORDER BY id ROWS UNBOUNDED PRECEDING)
)
SELECT
  page.walked, t.hidden_reason IS NULL AS told, t.id, t.provider, t.display_name, t.context_window,
  t.input_usd_per_mtok, t.output_usd_per_mtok, t.licence, t.released_on, t.training_cutoff, t.deprecated,
  t.base_model, t.created_at, t.updated_at
FROM page
  CROSS JOIN models AS t USING (id)
WHERE page.place <= ?2 AND (page.place = 1 OR page.ahead + page.size <= 1000000)
ORDER BY page.place
