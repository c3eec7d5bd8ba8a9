-- Finds the version that a snapshot belongs to, and how often moderation or a base model changed.
-- ?1 snapshot, ?2 benchmark, ?3 version, any where null
SELECT
  v.benchmark_id, v.version, v.title, v.description, v.metric, v.direction, v.unit, v.bounds, v.evidence, v.slices,
  v.conditions, s.seq, s.id AS snapshot_id, s.created_at AS generated_at, b.hidden_reason,
  b.rebases + (SELECT coalesce(max(seq), 0) FROM moderations) AS amendments
FROM snapshots AS s
  JOIN benchmark_versions AS v ON v.benchmark_id = s.benchmark_id AND v.version = s.version
  JOIN benchmarks AS b ON b.id = s.benchmark_id
WHERE s.id = ?1 AND (?2 IS NULL OR s.benchmark_id = ?2) AND (?3 IS NULL OR s.version = ?3)
