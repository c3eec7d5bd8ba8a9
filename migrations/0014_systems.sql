-- A row of the leaderboard is a system: a model, maybe with an agent and a configuration, on a benchmark version. Of each
-- owner the run that was evaluated last stands, and one of a system's runs is ranked. What is published stays as it is: a
-- model alone is a system, and an entry is ranked, as each was.

ALTER TABLE models ADD COLUMN base_model TEXT;

-- `links`: `{"source","logs","traces","paper"}`, those that there are. `series`: the first run that the same owner published
-- of the system on the version, by which runs of one owner are known when nobody is told who that is. `published_seq`: the
-- snapshot that it was published with; of a millisecond there may be several.
ALTER TABLE runs ADD COLUMN agent_name TEXT;
ALTER TABLE runs ADD COLUMN agent_version TEXT;
ALTER TABLE runs ADD COLUMN configuration TEXT;
ALTER TABLE runs ADD COLUMN links TEXT CHECK (links IS NULL OR json_valid(links));
ALTER TABLE runs ADD COLUMN system_id TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN series TEXT;
ALTER TABLE runs ADD COLUMN published_seq INTEGER;
ALTER TABLE runs ADD COLUMN evaluated_at INTEGER GENERATED ALWAYS AS (coalesce(completed_at, started_at, published_at)) VIRTUAL;
UPDATE runs SET
  system_id = model_id,
  published_seq = (SELECT min(c.seq) FROM changes AS c WHERE c.run_id = runs.id AND c.kind IN ('published', 'rescored'));
CREATE INDEX runs_by_system ON runs (benchmark_id, version, system_id, owner_id, published_at) WHERE published_at IS NOT NULL;
UPDATE runs SET series = (
  SELECT f.id FROM runs AS f
  WHERE f.benchmark_id = runs.benchmark_id AND f.version = runs.version AND f.system_id = runs.system_id
    AND f.owner_id IS runs.owner_id AND f.published_at IS NOT NULL
  ORDER BY f.published_at, f.published_seq, f.id LIMIT 1)
  WHERE published_at IS NOT NULL;
CREATE INDEX runs_by_series ON runs (series, evaluated_at, published_seq, id) WHERE status = 'published';
CREATE INDEX runs_by_evaluation ON runs (model_id, evaluated_at, id) WHERE published_at IS NOT NULL;

-- A system has several entries that stand, of which one is ranked.
CREATE TABLE system_entries (
  benchmark_id TEXT NOT NULL,
  version TEXT NOT NULL,
  model_id TEXT NOT NULL REFERENCES models (id),
  system_id TEXT NOT NULL,
  run_id TEXT NOT NULL REFERENCES runs (id),
  from_seq INTEGER NOT NULL REFERENCES snapshots (seq),
  to_seq INTEGER REFERENCES snapshots (seq),
  display_name TEXT NOT NULL,
  contaminated INTEGER NOT NULL CHECK (contaminated IN (0, 1)),
  ranked INTEGER NOT NULL CHECK (ranked IN (0, 1)),
  PRIMARY KEY (benchmark_id, version, model_id, from_seq, run_id)
) STRICT, WITHOUT ROWID;
INSERT INTO system_entries (benchmark_id, version, model_id, system_id, run_id, from_seq, to_seq, display_name, contaminated, ranked)
  SELECT benchmark_id, version, model_id, model_id, run_id, from_seq, to_seq, display_name, contaminated, 1 FROM leaderboard_entries;
DROP TABLE leaderboard_entries;
ALTER TABLE system_entries RENAME TO leaderboard_entries;
CREATE UNIQUE INDEX leaderboard_entries_ranked ON leaderboard_entries (benchmark_id, version, system_id) WHERE to_seq IS NULL AND ranked = 1;
CREATE UNIQUE INDEX leaderboard_entries_current ON leaderboard_entries (run_id) WHERE to_seq IS NULL;
CREATE INDEX leaderboard_entries_of_model ON leaderboard_entries (benchmark_id, version, model_id, to_seq);
CREATE INDEX leaderboard_entries_by_from ON leaderboard_entries (from_seq);
CREATE INDEX leaderboard_entries_by_to ON leaderboard_entries (to_seq);
CREATE INDEX leaderboard_entries_by_run ON leaderboard_entries (run_id);
CREATE INDEX leaderboard_entries_by_end ON leaderboard_entries (benchmark_id, version, to_seq);
CREATE INDEX leaderboard_entries_standing ON leaderboard_entries (from_seq) WHERE to_seq IS NULL;
CREATE INDEX leaderboard_entries_standing_on ON leaderboard_entries (benchmark_id, version, from_seq) WHERE to_seq IS NULL;

-- Of each owner the run of a system that was evaluated last; of those evaluated at once, the one published last.
CREATE VIEW latest_runs AS
SELECT
  r.id, r.benchmark_id, r.version, r.model_id, r.system_id, r.evaluated_at, r.published_seq,
  CASE r.evaluator_relationship WHEN 'third_party' THEN 2 WHEN 'first_party' THEN 1 ELSE 0 END AS strength
FROM runs AS r
WHERE r.status = 'published'
  AND r.published_at IS NOT NULL
  AND r.id = (
    SELECT n.id
    FROM runs AS n
    WHERE n.series = r.series AND n.status = 'published'
    ORDER BY n.evaluated_at DESC, n.published_seq DESC, n.id DESC
    LIMIT 1
  );

-- The runs that stand. The one that is ranked for its system has the strongest evidence, then the later evaluation.
CREATE VIEW standing_runs AS
SELECT
  l.id, l.benchmark_id, l.version, l.model_id, l.system_id,
  l.id = (
    SELECT o.id
    FROM latest_runs AS o
    WHERE o.benchmark_id = l.benchmark_id AND o.version = l.version AND o.system_id = l.system_id
    ORDER BY o.strength DESC, o.evaluated_at DESC, o.published_seq, o.id
    LIMIT 1
  ) AS ranked
FROM latest_runs AS l;

-- The log of changes names the system.
ALTER TABLE changes ADD COLUMN system_id TEXT NOT NULL DEFAULT '';
UPDATE changes SET
  system_id = model_id,
  moved = (
    SELECT json_group_array(json_object('model', w.value ->> 'model', 'systemId', w.value ->> 'model', 'agent', NULL,
      'configuration', NULL, 'from', w.value ->> 'from', 'to', w.value ->> 'to'))
    FROM json_each(changes.moved) AS w
  );
DROP VIEW public_changes;
CREATE VIEW public_changes AS
SELECT
  c.seq, 0 AS act, n.id, c.kind, n.created_at, c.benchmark_id, n.version, c.model_id, c.system_id, r.agent_name,
  r.agent_version, r.configuration, c.run_id, c.reason, c.previous_run_id, c.current_run_id, c.rank_before,
  c.rank_after,
  CASE
    WHEN EXISTS (
      SELECT 1
      FROM json_each(c.moved) AS w
        JOIN models AS h ON h.id = w.value ->> 'model'
      WHERE h.hidden_reason IS NOT NULL
    )
      THEN (
        SELECT json_group_array(json(w.value))
        FROM json_each(c.moved) AS w
        WHERE NOT EXISTS (
          SELECT 1 FROM models AS h WHERE h.id = w.value ->> 'model' AND h.hidden_reason IS NOT NULL
        )
      )
    ELSE c.moved
  END AS moved,
  NULL AS name
FROM changes AS c
  CROSS JOIN snapshots AS n ON n.seq = c.seq
  CROSS JOIN runs AS r ON r.id = c.run_id
  CROSS JOIN models AS m ON m.id = c.model_id AND m.hidden_reason IS NULL
  CROSS JOIN benchmarks AS b ON b.id = c.benchmark_id AND b.hidden_reason IS NULL;
DROP VIEW moderation_changes;
CREATE VIEW moderation_changes AS
SELECT
  o.after_seq AS seq, o.seq AS act, o.id, o.kind, o.created_at, o.benchmark_id, NULL AS version, o.model_id,
  NULL AS system_id, NULL AS agent_name, NULL AS agent_version, NULL AS configuration, NULL AS run_id, o.reason,
  NULL AS previous_run_id, NULL AS current_run_id, NULL AS rank_before, NULL AS rank_after, '[]' AS moved, o.name
FROM moderations AS o;
