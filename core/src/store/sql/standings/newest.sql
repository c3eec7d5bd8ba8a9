-- Finds the leaderboards that something is published on, the featured benchmark's first, then those that something was
-- published on last: of each benchmark that is not hidden the version that is read where none is named, as of its newest
-- snapshot, with how many systems are ranked there.
-- ?1 rows
SELECT
  v.benchmark_id, v.version, v.title, v.description, v.metric, v.direction, v.unit, v.bounds,
  v.evidence, v.slices, v.conditions, s.seq,
  s.id AS snapshot_id, s.created_at AS generated_at, o.hidden_reason,
  o.rebases + (SELECT coalesce(max(seq), 0) FROM moderations) AS amendments,
  (
    SELECT count(*)
    FROM leaderboard_entries AS n
    WHERE n.benchmark_id = v.benchmark_id AND n.version = v.version AND n.to_seq IS NULL AND n.ranked = 1
  ) AS systems
FROM (
  -- Chosen first: systems are counted on these only.
  SELECT b.id, b.hidden_reason, b.rebases, d.version, n.seq, f.place IS NULL AS is_later
  FROM benchmarks AS b
    CROSS JOIN default_versions AS d ON d.benchmark_id = b.id
    CROSS JOIN snapshots AS n
      ON n.seq = (SELECT max(x.seq) FROM snapshots AS x WHERE x.benchmark_id = d.benchmark_id AND x.version = d.version)
    LEFT JOIN featured_benchmark AS f ON f.place = 1 AND f.benchmark_id = b.id
  WHERE b.id > '' AND b.hidden_reason IS NULL
  ORDER BY is_later, n.seq DESC
  LIMIT ?1
) AS o
  CROSS JOIN benchmark_versions AS v ON v.benchmark_id = o.id AND v.version = o.version
  CROSS JOIN snapshots AS s ON s.seq = o.seq
ORDER BY o.is_later, o.seq DESC
