-- Finds which version is meant, its newest snapshot, and how often moderation or a base model changed. Where no benchmark
-- is named, it is the featured one; where no version is named, the benchmark's current one, else the only one that is whole.
-- ?1 benchmark, ?2 version, any where null
SELECT
  v.benchmark_id, v.version, v.title, v.description, v.metric, v.direction, v.unit, v.bounds, v.evidence, v.slices,
  v.conditions, s.seq, s.id AS snapshot_id, s.created_at AS generated_at, b.hidden_reason,
  b.rebases + (SELECT coalesce(max(seq), 0) FROM moderations) AS amendments
FROM default_versions AS d
  CROSS JOIN benchmark_versions AS v ON v.benchmark_id = d.benchmark_id AND v.version = coalesce(?2, d.version)
  CROSS JOIN benchmarks AS b ON b.id = v.benchmark_id
  LEFT JOIN snapshots AS s
    ON s.seq = (
      SELECT max(x.seq) FROM snapshots AS x WHERE x.benchmark_id = v.benchmark_id AND x.version = v.version
    )
WHERE d.benchmark_id = coalesce(
  ?1,
  (
    SELECT f.benchmark_id
    FROM featured_benchmark AS f
      JOIN benchmarks AS h ON h.id = f.benchmark_id AND h.hidden_reason IS NULL
    WHERE f.place = 1
  )
)
