-- Finds the leaderboards on which a model is ranked, by benchmark: of each that is not hidden the version that is read
-- where none is named, as of its newest snapshot, with how many systems are ranked there.
-- ?1 model, ?2 the benchmark that the page before ended with, ?3 rows
SELECT
  v.benchmark_id, v.version, v.title, v.description, v.metric, v.direction, v.unit, v.bounds,
  v.evidence, v.slices, v.conditions, s.seq,
  s.id AS snapshot_id, s.created_at AS generated_at, w.hidden_reason,
  w.rebases + (SELECT coalesce(max(seq), 0) FROM moderations) AS amendments,
  (
    SELECT count(*)
    FROM leaderboard_entries AS n
    WHERE n.benchmark_id = v.benchmark_id AND n.version = v.version AND n.to_seq IS NULL AND n.ranked = 1
  ) AS systems
FROM (
  -- Chosen first: systems are counted on these only.
  SELECT b.id, b.hidden_reason, b.rebases, d.version
  FROM (
    SELECT DISTINCT r.benchmark_id
    FROM runs AS r
    WHERE r.model_id = ?1 AND r.published_at IS NOT NULL AND r.benchmark_id > ?2
  ) AS o
    CROSS JOIN benchmarks AS b ON b.id = o.benchmark_id AND b.hidden_reason IS NULL
    CROSS JOIN default_versions AS d ON d.benchmark_id = b.id
  WHERE EXISTS (
    SELECT 1
    FROM leaderboard_entries AS e
    WHERE e.benchmark_id = d.benchmark_id
      AND e.version = d.version
      AND e.model_id = ?1
      AND e.to_seq IS NULL
      AND e.ranked = 1
  )
  ORDER BY b.id
  LIMIT ?3
) AS w
  CROSS JOIN benchmark_versions AS v ON v.benchmark_id = w.id AND v.version = w.version
  CROSS JOIN snapshots AS s
    ON s.seq = (
      SELECT max(x.seq) FROM snapshots AS x WHERE x.benchmark_id = v.benchmark_id AND x.version = v.version
    )
ORDER BY w.id
