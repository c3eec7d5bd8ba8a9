-- Logs why there is a snapshot: what became of the run, and of the ranks of the models that are not hidden. Of the
-- other models whose rank changed it names at most the hundred that now rank best.
-- ?1 run, ?2 snapshot, ?3 kind of the change; null where the run is published
INSERT INTO changes (
  seq, benchmark_id, kind, model_id, run_id, reason, previous_run_id, current_run_id, rank_before, rank_after,
  moved
)
WITH this AS MATERIALIZED (
  SELECT seq, benchmark_id, version FROM snapshots WHERE id = ?2
),
before AS (
  SELECT e.model_id, e.run_id, rank() OVER (ORDER BY s.score DESC) AS place
  FROM this
    CROSS JOIN leaderboard_entries AS e
      ON e.benchmark_id = this.benchmark_id
      AND e.version = this.version
      AND e.from_seq <= this.seq - 1
      AND (e.to_seq IS NULL OR e.to_seq > this.seq - 1)
    CROSS JOIN models AS h ON h.id = e.model_id AND h.hidden_reason IS NULL
    CROSS JOIN run_slices AS s
      ON s.run_id = e.run_id
      AND s.scenario = ''
      AND s.language = ''
      AND s.difficulty = ''
),
after AS (
  SELECT e.model_id, e.run_id, rank() OVER (ORDER BY s.score DESC) AS place
  FROM this
    CROSS JOIN leaderboard_entries AS e
      ON e.benchmark_id = this.benchmark_id
      AND e.version = this.version
      AND e.from_seq <= this.seq
      AND (e.to_seq IS NULL OR e.to_seq > this.seq)
    CROSS JOIN models AS h ON h.id = e.model_id AND h.hidden_reason IS NULL
    CROSS JOIN run_slices AS s
      ON s.run_id = e.run_id
      AND s.scenario = ''
      AND s.language = ''
      AND s.difficulty = ''
),
moved AS MATERIALIZED (
  SELECT
    model_id, max(run_before) AS run_before, max(run_after) AS run_after, max(was) AS was,
    max(becomes) AS becomes
  FROM (
    SELECT model_id, run_id AS run_before, NULL AS run_after, place AS was, NULL AS becomes
    FROM before
    UNION ALL
    SELECT model_id, NULL, run_id, NULL, place
    FROM after
  )
  GROUP BY model_id
)
SELECT
  this.seq, this.benchmark_id,
  coalesce(?3, CASE WHEN m.run_before IS NULL THEN 'published' ELSE 'rescored' END), r.model_id, r.id,
  r.reason, m.run_before, m.run_after, m.was, m.becomes,
  (
    SELECT json_group_array(json_object('model', model_id, 'from', was, 'to', becomes))
    FROM (
      SELECT model_id, was, becomes
      FROM moved
      WHERE was <> becomes AND model_id <> r.model_id
      ORDER BY becomes, model_id
      LIMIT 100
    )
  )
FROM this
  JOIN runs AS r ON r.id = ?1
  LEFT JOIN moved AS m ON m.model_id = r.model_id
