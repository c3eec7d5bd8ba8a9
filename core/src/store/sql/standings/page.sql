-- Finds the leaderboards of a page of benchmarks, by id: of each that is not hidden the version that is read where none is
-- named, as of its newest snapshot, with how many systems are ranked there. A benchmark without such a version has none.
-- ?1 the benchmark that the page before ended with, ?2 rows of benchmarks
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
FROM (SELECT id, hidden_reason, rebases FROM benchmarks WHERE id > ?1 AND hidden_reason IS NULL ORDER BY id LIMIT ?2) AS b
  CROSS JOIN default_versions AS d ON d.benchmark_id = b.id
  CROSS JOIN benchmark_versions AS v ON v.benchmark_id = d.benchmark_id AND v.version = d.version
  LEFT JOIN snapshots AS s
    ON s.seq = (
      SELECT max(x.seq) FROM snapshots AS x WHERE x.benchmark_id = v.benchmark_id AND x.version = v.version
    )
ORDER BY b.id
