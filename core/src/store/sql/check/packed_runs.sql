-- Lists runs that are packed or have packs, by id: how many rows of results they have all the same, and what is kept of them.
-- ?1 the run that the page before ended with, ?2 rows
SELECT
  r.id, r.owner_id, r.packed_at IS NOT NULL AS is_packed, r.published_at IS NOT NULL AS is_published,
  (SELECT count(*) FROM results AS x WHERE x.run_id = r.id) AS rows, v.evidence = 'results' AS has_results,
  v.private_tasks, v.unit IS NULL AND v.bounds IS NULL AS is_share, s.tasks, s.total, s.correct, s.score,
  json_array_length(p.scores) AS scores
FROM runs AS r
  JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version
  LEFT JOIN run_slices AS s ON s.run_id = r.id AND s.scenario = '' AND s.language = '' AND s.difficulty = ''
  LEFT JOIN run_scores AS p ON p.run_id = r.id
WHERE r.id > ?1
  AND (r.packed_at IS NOT NULL OR EXISTS (SELECT 1 FROM result_packs AS k WHERE k.run_id = r.id))
ORDER BY r.id
LIMIT CAST(?2 AS INTEGER)
