-- Reads a page of the runs, each as it was at the snapshot. It walks rows by their key, public (told) or not, and of
-- long ones fewer: 1 MB of texts, or one row. Where walked is more than the rows of the answer, there are more.
-- ?1 snapshot's place in the order of all, ?2 rows, ?3 the key that the page before ended with
WITH page AS MATERIALIZED (
  SELECT id, row_number() OVER w AS place, sum(size) OVER w - size AS ahead, size, count(*) OVER () AS walked
  FROM (
    SELECT
      id,
      octet_length(generation_config) + coalesce(octet_length(command), 0)
        + coalesce(octet_length(attempts_policy), 0) + coalesce(octet_length(reason), 0)
        + coalesce(octet_length(links), 0) + 3000 AS size
    FROM runs
    WHERE (id) > (?3)
    ORDER BY id
    LIMIT ?2 + 1
  )
  WINDOW w AS (ORDER BY id ROWS UNBOUNDED PRECEDING)
)
SELECT
  page.walked,
  EXISTS (SELECT 1 FROM changes AS c WHERE c.run_id = t.id AND c.seq <= ?1)
    AND EXISTS (
      SELECT 1
      FROM runs AS o
        JOIN models AS m ON m.id = o.model_id
        JOIN benchmarks AS b ON b.id = o.benchmark_id
      WHERE o.id = t.id AND m.hidden_reason IS NULL AND b.hidden_reason IS NULL
    ) AS told,
  t.id, t.model_id, t.benchmark_id, t.version, t.harness, t.harness_version, t.commit_hash, t.dirty,
  t.prompt_hash, t.generation_config, t.attempts_policy, t.command, t.evaluator_relationship, t.external_id,
  t.started_at, t.completed_at, t.conditions, t.created_at, t.published_at, t.system_id, t.agent_name, t.agent_version,
  t.configuration, t.links, t.series, t.published_seq, t.seal_id,
  CASE
    WHEN EXISTS (
      SELECT 1 FROM changes AS c WHERE c.run_id = t.id AND c.kind IN ('withdrawn', 'rejected') AND c.seq > ?1
    )
      THEN 'published'
    ELSE t.status
  END AS status,
  CASE
    WHEN EXISTS (
      SELECT 1 FROM changes AS c WHERE c.run_id = t.id AND c.kind IN ('withdrawn', 'rejected') AND c.seq > ?1
    )
      THEN NULL
    ELSE t.reason
  END AS reason,
  CASE
    WHEN EXISTS (
      SELECT 1 FROM changes AS c WHERE c.run_id = t.id AND c.kind IN ('withdrawn', 'rejected') AND c.seq > ?1
    )
      THEN NULL
    ELSE t.withdrawn_at
  END AS withdrawn_at
FROM page
  CROSS JOIN runs AS t USING (id)
WHERE page.place <= ?2 AND (page.place = 1 OR page.ahead + page.size <= 1000000)
ORDER BY page.place
