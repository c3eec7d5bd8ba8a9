-- Takes the published run whose results have waited longest to be packed: one that nobody has tried yet, else one that was
-- left alone for long enough. Others leave it alone meanwhile.
-- ?1 published by then, ?2 now, ?3 left alone until
UPDATE runs
SET pack_again_at = ?3
WHERE packed_at IS NULL
  AND id = coalesce(
    (
      SELECT id
      FROM runs
      WHERE packed_at IS NULL AND published_at IS NOT NULL AND pack_again_at IS NULL AND published_at <= ?1
      ORDER BY published_at
      LIMIT 1
    ),
    (
      SELECT id
      FROM runs
      WHERE packed_at IS NULL AND published_at IS NOT NULL AND pack_again_at <= ?2
      ORDER BY pack_again_at
      LIMIT 1
    )
  )
RETURNING
  id, results_digest, digested_results,
  (
    SELECT v.private_tasks
    FROM benchmark_versions AS v
    WHERE v.benchmark_id = runs.benchmark_id AND v.version = runs.version
  ) AS private_tasks
