-- Reads a page of the versions; a definition lacks the tasks where they are private. It walks rows by their key,
-- public (told) or not, and of long ones fewer: 1 MB of texts, or one row. Where walked is more than the rows of the
-- answer, there are more.
-- ?1 snapshot's place in the order of all, ?2 rows, ?3 to ?4 the key that the page before ended with
WITH page AS MATERIALIZED (
  SELECT
    benchmark_id, version, row_number() OVER w AS place, sum(size) OVER w - size AS ahead, size,
    count(*) OVER () AS walked
  FROM (
    SELECT
      benchmark_id, version,
      (
        SELECT octet_length(d.definition)
        FROM benchmark_definitions AS d
        WHERE d.benchmark_id = benchmark_versions.benchmark_id AND d.version = benchmark_versions.version
      ) + coalesce(octet_length(description), 0) + coalesce(octet_length(homepage), 0)
        + coalesce(octet_length(citation), 0) + octet_length(slices) AS size
    FROM benchmark_versions
    WHERE (benchmark_id, version) > (?3, ?4)
    ORDER BY benchmark_id, version
    LIMIT ?2 + 1
  )
  WINDOW w AS (ORDER BY benchmark_id, version ROWS UNBOUNDED PRECEDING)
)
SELECT
  page.walked,
  EXISTS (SELECT 1 FROM benchmarks AS b WHERE b.id = t.benchmark_id AND b.hidden_reason IS NULL) AS told,
  t.benchmark_id, t.version, t.title, t.description, t.metric, t.direction, t.unit, t.bounds, t.chance_level, t.evidence, t.task_count,
  t.attempts_per_task, t.private_tasks, t.tasks_published_on, t.parts, t.part_of, t.whole_task_count,
  t.other_scoring_of, t.homepage, t.licence, t.citation, t.conditions, t.slices, t.created_at,
  (
    SELECT CASE
      WHEN t.private_tasks
        THEN json_set(d.definition, '$.tasks', json('[]'), '$.title', t.title)
      WHEN d.definition ->> 'title' IS NOT t.title
        THEN json_set(d.definition, '$.title', t.title)
      ELSE d.definition
    END
    FROM benchmark_definitions AS d
    WHERE d.benchmark_id = t.benchmark_id AND d.version = t.version
  ) AS definition
FROM page
  CROSS JOIN benchmark_versions AS t USING (benchmark_id, version)
WHERE page.place <= ?2 AND (page.place = 1 OR page.ahead + page.size <= 1000000)
ORDER BY page.place
