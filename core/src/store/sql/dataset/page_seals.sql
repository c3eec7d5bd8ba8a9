-- Reads a page of the seals that the log has up to the snapshot's line and before the next one's. It walks rows by their
-- key, public (told) or not, and of long ones fewer: 1 MB of texts, or one row. Where walked is more than the rows of
-- the answer, there are more.
-- ?1 snapshot's place in the order of all, ?2 rows, ?3 the key that the page before ended with
WITH page AS MATERIALIZED (
  SELECT id, row_number() OVER w AS place, sum(size) OVER w - size AS ahead, size, count(*) OVER () AS walked
  FROM (
    SELECT id, octet_length(stopping_rule) + coalesce(octet_length(note), 0) + 1500 AS size
    FROM seals
    WHERE (id) > (?3)
    ORDER BY id
    LIMIT ?2 + 1
  )
  WINDOW w AS (ORDER BY id ROWS UNBOUNDED PRECEDING)
)
SELECT
  page.walked,
  t.after_seq <= ?1
    AND EXISTS (
      SELECT 1
      FROM models AS m
        JOIN benchmarks AS b ON b.id = t.benchmark_id
      WHERE m.id = t.model_id AND m.hidden_reason IS NULL AND b.hidden_reason IS NULL
    ) AS told,
  t.id, t.model_id, t.agent_name, t.agent_version, t.configuration, t.system_id, t.benchmark_id, t.version,
  t.harness, t.harness_version, t.commit_hash, t.tasks, t.attempts, t.stopping_rule, t.note, t.series,
  t.ordinal, t.sealed_at, t.after_seq, t.act
FROM page
  CROSS JOIN seals AS t USING (id)
WHERE page.place <= ?2 AND (page.place = 1 OR page.ahead + page.size <= 1000000)
ORDER BY page.place
