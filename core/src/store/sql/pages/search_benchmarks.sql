-- Finds benchmarks that are not hidden, in whose ids and titles every word occurs.
-- ?1 JSON array of words, ?2 rows
SELECT b.id, v.title, v.description
FROM benchmarks AS b
  CROSS JOIN default_versions AS d ON d.benchmark_id = b.id
  CROSS JOIN benchmark_versions AS v
    ON v.benchmark_id = b.id
    AND v.version = coalesce(
      d.version,
      (
        SELECT l.version
        FROM benchmark_versions AS l
        WHERE l.benchmark_id = b.id
        ORDER BY l.created_at DESC, l.version DESC
        LIMIT 1
      )
    )
WHERE b.id > ''
  AND b.hidden_reason IS NULL
  AND NOT EXISTS (SELECT 1 FROM json_each(?1) AS w WHERE instr(lower(b.id || ' ' || v.title), lower(w.value)) = 0)
ORDER BY b.id
LIMIT ?2
