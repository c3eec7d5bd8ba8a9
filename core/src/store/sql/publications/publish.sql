-- Publishes an open run, as one of the series of its owner's runs and seals of that system.
-- ?1 run, ?2 now, ?3 snapshot, ?4 digest of its results, ?5 how many the digest is over
UPDATE runs
SET
  status = 'published', published_at = ?2, published_seq = (SELECT seq FROM snapshots WHERE id = ?3),
  results_digest = ?4, digested_results = CAST(?5 AS INTEGER),
  series = coalesce(
    (
      SELECT o.series
      FROM runs AS o
      WHERE o.benchmark_id = runs.benchmark_id
        AND o.version = runs.version
        AND o.system_id = runs.system_id
        AND o.owner_id = runs.owner_id
        AND o.published_at IS NOT NULL
      LIMIT 1
    ),
    (
      SELECT s.series
      FROM seals AS s
      WHERE s.owner_id = runs.owner_id
        AND s.benchmark_id = runs.benchmark_id
        AND s.version = runs.version
        AND s.system_id = runs.system_id
      LIMIT 1
    ),
    id
  )
WHERE id = ?1 AND status = 'open'
