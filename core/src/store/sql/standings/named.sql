-- Finds the leaderboards of the benchmarks that are named, in their order: of each the version that is read where none is
-- named, as of its newest snapshot, with how many systems are ranked there. One that is unknown or hidden, or has no such
-- version, has none.
-- ?1 JSON array of benchmarks
SELECT
  v.benchmark_id, v.version, v.title, v.description, v.metric, v.direction, v.unit, v.bounds,
  v.evidence, v.slices, v.conditions, s.seq,
  s.id AS snapshot_id, s.created_at AS generated_at, b.hidden_reason,
  b.rebases + (SELECT coalesce(max(seq), 0) FROM moderations) AS amendments,
  (
    SELECT count(*)
    FROM leaderboard_entries AS n
    WHERE n.benchmark_id = v.benchmark_id AND n.version = v.version AND n.to_seq IS NULL AND n.ranked = 1
  ) AS systems
FROM json_each(?1) AS w
  CROSS JOIN benchmarks AS b ON b.id = w.value AND b.hidden_reason IS NULL
  CROSS JOIN default_versions AS d ON d.benchmark_id = b.id
  CROSS JOIN benchmark_versions AS v ON v.benchmark_id = d.benchmark_id AND v.version = d.version
  LEFT JOIN snapshots AS s
    ON s.seq = (
      SELECT max(x.seq) FROM snapshots AS x WHERE x.benchmark_id = v.benchmark_id AND x.version = v.version
    )
ORDER BY w.key
