-- Finds which version is meant, its newest snapshot, and how far moderation has come. Where no benchmark is named, it
-- is that of the newest publication that stands: neither what was rejected or hidden nor the rejection itself brings
-- a board to the front. Where no version is named, it is the one on which a standing entry came in last.
-- ?1 benchmark, ?2 version, any where null
SELECT
  v.benchmark_id, v.version, v.title, v.description, v.metric, v.evidence, v.slices, s.seq,
  s.id AS snapshot_id, s.created_at AS generated_at, b.hidden_reason,
  (SELECT coalesce(max(seq), 0) FROM moderations) AS moderation
FROM benchmark_versions AS v
  JOIN benchmarks AS b ON b.id = v.benchmark_id
  LEFT JOIN snapshots AS s
    ON s.seq = (
      SELECT max(x.seq) FROM snapshots AS x WHERE x.benchmark_id = v.benchmark_id AND x.version = v.version
    )
WHERE v.benchmark_id = coalesce(
  ?1,
  (
    SELECT e.benchmark_id
    FROM leaderboard_entries AS e
      CROSS JOIN changes AS c ON c.seq = e.from_seq AND c.kind IN ('published', 'rescored')
      CROSS JOIN models AS m ON m.id = e.model_id AND m.hidden_reason IS NULL
      CROSS JOIN benchmarks AS d ON d.id = e.benchmark_id AND d.hidden_reason IS NULL
    WHERE e.to_seq IS NULL AND e.from_seq > 0
    ORDER BY e.from_seq DESC
    LIMIT 1
  ),
  (
    SELECT e.benchmark_id
    FROM leaderboard_entries AS e
      CROSS JOIN changes AS c ON c.seq = e.from_seq AND c.kind IN ('withdrawn', 'rejected')
      CROSS JOIN models AS m ON m.id = e.model_id AND m.hidden_reason IS NULL
      CROSS JOIN benchmarks AS d ON d.id = e.benchmark_id AND d.hidden_reason IS NULL
    WHERE e.to_seq IS NULL AND e.from_seq > 0
    ORDER BY e.from_seq DESC
    LIMIT 1
  )
)
  AND (?2 IS NULL OR v.version = ?2)
ORDER BY
  coalesce(
    (
      SELECT max(e.from_seq)
      FROM leaderboard_entries AS e
      WHERE e.benchmark_id = v.benchmark_id AND e.version = v.version AND e.to_seq IS NULL
    ),
    0
  ) DESC,
  coalesce(s.seq, 0) DESC, v.created_at DESC, v.version DESC
LIMIT 1
