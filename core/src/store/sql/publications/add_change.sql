-- Logs why there is a snapshot: what became of the run, of the run that is ranked for its system, and of the ranks of
-- the systems whose models are not hidden. Of the other systems whose rank changed it names at most the hundred that
-- now rank best. A run that took the place of one of its own series is rescored.
-- ?1 run, ?2 snapshot, ?3 kind of the change; null where the run is published
INSERT INTO changes (
  seq, benchmark_id, kind, model_id, system_id, run_id, reason, previous_run_id, current_run_id, rank_before,
  rank_after, moved
)
WITH this AS MATERIALIZED (
  SELECT n.seq, n.benchmark_id, n.version, CASE WHEN v.direction = 'lower_is_better' THEN -1 ELSE 1 END AS sign
  FROM snapshots AS n
    JOIN benchmark_versions AS v ON v.benchmark_id = n.benchmark_id AND v.version = n.version
  WHERE n.id = ?2
),
before AS (
  SELECT e.system_id, e.run_id, rank() OVER (ORDER BY this.sign * s.score DESC) AS place
  FROM this
    CROSS JOIN leaderboard_entries AS e
      ON e.benchmark_id = this.benchmark_id
      AND e.version = this.version
      AND e.ranked = 1
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
  SELECT e.system_id, e.run_id, rank() OVER (ORDER BY this.sign * s.score DESC) AS place
  FROM this
    CROSS JOIN leaderboard_entries AS e
      ON e.benchmark_id = this.benchmark_id
      AND e.version = this.version
      AND e.ranked = 1
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
    system_id, max(run_before) AS run_before, max(run_after) AS run_after, max(was) AS was,
    max(becomes) AS becomes
  FROM (
    SELECT system_id, run_id AS run_before, NULL AS run_after, place AS was, NULL AS becomes
    FROM before
    UNION ALL
    SELECT system_id, NULL, run_id, NULL, place
    FROM after
  )
  GROUP BY system_id
)
SELECT
  this.seq, this.benchmark_id,
  coalesce(
    ?3,
    CASE
      WHEN EXISTS (SELECT 1 FROM leaderboard_entries AS e WHERE e.run_id = r.id AND e.to_seq IS NULL)
        AND EXISTS (
          SELECT 1
          FROM leaderboard_entries AS e
            JOIN runs AS p ON p.id = e.run_id
          WHERE e.to_seq = this.seq AND p.series = r.series AND p.id <> r.id
        )
        THEN 'rescored'
      ELSE 'published'
    END
  ),
  r.model_id, r.system_id, r.id, r.reason, m.run_before, m.run_after, m.was, m.becomes,
  (
    SELECT
      json_group_array(
        json_object(
          'model', o.model_id, 'systemId', o.system_id, 'agent',
          json(
            CASE
              WHEN o.agent_name IS NOT NULL
                THEN json_object('name', o.agent_name, 'version', o.agent_version)
            END
          ),
          'configuration', o.configuration, 'from', w.was, 'to', w.becomes
        )
      )
    FROM (
      SELECT system_id, run_after, was, becomes
      FROM moved
      WHERE was <> becomes AND system_id <> r.system_id
      ORDER BY becomes, system_id
      LIMIT 100
    ) AS w
      CROSS JOIN runs AS o ON o.id = w.run_after
  )
FROM this
  JOIN runs AS r ON r.id = ?1
  LEFT JOIN moved AS m ON m.system_id = r.system_id
