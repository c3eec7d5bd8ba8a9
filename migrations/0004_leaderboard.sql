-- The leaderboard: slices kept when publishing, the log of changes, private tasks, clusters, scores of several parts.

-- Private tasks are told to nobody but in aggregates. `tasks_published_on` (a day or a month): a model trained later
-- may have seen them. `parts`: what a composite score is made of, `[{"id","weight"}]`. `slices`: the values that tasks have.
ALTER TABLE benchmark_versions ADD COLUMN private_tasks INTEGER NOT NULL DEFAULT 0 CHECK (private_tasks IN (0, 1));
ALTER TABLE benchmark_versions ADD COLUMN tasks_published_on TEXT;
ALTER TABLE benchmark_versions ADD COLUMN parts TEXT CHECK (parts IS NULL OR json_valid(parts));
ALTER TABLE benchmark_versions ADD COLUMN slices TEXT NOT NULL DEFAULT '{"scenario":[],"language":[],"difficulty":[]}' CHECK (json_valid(slices));
UPDATE benchmark_versions AS v SET slices = json_object(
  'scenario', (SELECT json_group_array(value) FROM (SELECT DISTINCT scenario AS value FROM benchmark_tasks AS t
    WHERE t.benchmark_id = v.benchmark_id AND t.version = v.version AND scenario IS NOT NULL ORDER BY 1)),
  'language', (SELECT json_group_array(value) FROM (SELECT DISTINCT language AS value FROM benchmark_tasks AS t
    WHERE t.benchmark_id = v.benchmark_id AND t.version = v.version AND language IS NOT NULL ORDER BY 1)),
  'difficulty', (SELECT json_group_array(value) FROM (SELECT DISTINCT difficulty AS value FROM benchmark_tasks AS t
    WHERE t.benchmark_id = v.benchmark_id AND t.version = v.version AND difficulty IS NOT NULL ORDER BY 1)));

-- Tasks of one cluster resemble each other: their scores are not independent.
ALTER TABLE benchmark_tasks ADD COLUMN cluster TEXT;

-- What each part of a composite score gave, `{"automated":0.8}`.
ALTER TABLE results ADD COLUMN parts TEXT CHECK (parts IS NULL OR json_valid(parts));

ALTER TABLE runs ADD COLUMN withdrawn_at INTEGER;
CREATE INDEX runs_by_publication ON runs (model_id, published_at, id) WHERE published_at IS NOT NULL;

-- One row a slice of a published run; '' is every value. So a read never touches results, and adds nothing up.
-- `score`: the mean over tasks of each task's mean. `squares`: Σ over clusters of (Σ over its tasks of (score − mean))².
CREATE TABLE run_slices (
  run_id TEXT NOT NULL REFERENCES runs (id),
  scenario TEXT NOT NULL,
  language TEXT NOT NULL,
  difficulty TEXT NOT NULL,
  tasks INTEGER NOT NULL,
  clusters INTEGER NOT NULL,
  correct INTEGER NOT NULL,
  total INTEGER NOT NULL,
  score REAL NOT NULL,
  squares REAL NOT NULL,
  cost_usd REAL,
  uncosted INTEGER NOT NULL,
  p50_ms REAL,
  p95_ms REAL,
  PRIMARY KEY (run_id, scenario, language, difficulty)
) STRICT, WITHOUT ROWID;

-- What a comparison of two runs needs, in one row a run. `scores`: each task's mean, in the tasks' order.
-- `pass_counts`: `[[samples, correct, tasks], …]`. `parts`: `{"automated":[results, mean], …}`.
-- It has a rowid: without one, SQLite reads whole rows, long texts and all, to find one of them.
CREATE TABLE run_scores (
  run_id TEXT NOT NULL PRIMARY KEY REFERENCES runs (id),
  pass_counts TEXT NOT NULL CHECK (json_valid(pass_counts)),
  parts TEXT NOT NULL CHECK (json_valid(parts)),
  scores TEXT NOT NULL CHECK (json_valid(scores))
) STRICT;

-- What an entry says of its model never changes afterwards.
ALTER TABLE leaderboard_entries ADD COLUMN display_name TEXT NOT NULL DEFAULT '';
ALTER TABLE leaderboard_entries ADD COLUMN contaminated INTEGER NOT NULL DEFAULT 0 CHECK (contaminated IN (0, 1));
CREATE INDEX leaderboard_entries_by_end ON leaderboard_entries (benchmark_id, version, to_seq);
UPDATE leaderboard_entries SET display_name = (SELECT display_name FROM models WHERE id = model_id);

-- Append-only: why there is a snapshot. `moved`: the other models whose rank changed, `[{"model","from","to"}]`.
CREATE TABLE changes (
  seq INTEGER PRIMARY KEY REFERENCES snapshots (seq),
  benchmark_id TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('published', 'rescored', 'withdrawn', 'rejected')),
  model_id TEXT NOT NULL,
  run_id TEXT NOT NULL REFERENCES runs (id),
  reason TEXT,
  previous_run_id TEXT,
  current_run_id TEXT,
  rank_before INTEGER,
  rank_after INTEGER,
  moved TEXT NOT NULL CHECK (json_valid(moved))
) STRICT;
CREATE INDEX changes_by_benchmark ON changes (benchmark_id, seq);
CREATE INDEX changes_by_run ON changes (run_id);

-- What was published before this schema.
INSERT INTO run_slices (run_id, scenario, language, difficulty, tasks, clusters, correct, total, score, squares, cost_usd, uncosted, p50_ms, p95_ms)
  WITH cuts (s, l, d) AS (VALUES (0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1), (1, 1, 1)),
    tasks AS (SELECT x.run_id, x.task_id, avg(x.score) AS score, sum(coalesce(x.correct, x.score >= 1)) AS correct,
        sum(coalesce(x.samples, 1)) AS total, sum(x.cost_usd) AS cost, sum(x.cost_usd IS NULL) AS uncosted
      FROM results AS x GROUP BY x.run_id, x.task_id),
    placed AS MATERIALIZED (SELECT p.run_id, p.score, p.correct, p.total, p.cost, p.uncosted, p.task_id,
        CASE WHEN s THEN t.scenario ELSE '' END AS scenario, CASE WHEN l THEN t.language ELSE '' END AS language,
        CASE WHEN d THEN t.difficulty ELSE '' END AS difficulty
      FROM tasks AS p JOIN runs AS r ON r.id = p.run_id AND r.published_at IS NOT NULL
      JOIN benchmark_tasks AS t ON t.benchmark_id = r.benchmark_id AND t.version = r.version AND t.task_id = p.task_id
      JOIN cuts ON (NOT s OR t.scenario IS NOT NULL) AND (NOT l OR t.language IS NOT NULL) AND (NOT d OR t.difficulty IS NOT NULL)),
    summed AS (SELECT run_id, scenario, language, difficulty, count(*) AS tasks, sum(correct) AS correct, sum(total) AS total,
        sum(score) / count(*) AS mean, sum(cost) AS cost, sum(uncosted) AS uncosted FROM placed GROUP BY 1, 2, 3, 4)
  SELECT m.run_id, m.scenario, m.language, m.difficulty, m.tasks, m.tasks, m.correct, m.total, round(m.mean, 12),
    round(sum((p.score - m.mean) * (p.score - m.mean)), 12), round(m.cost, 12), m.uncosted,
    CASE WHEN m.scenario || m.language || m.difficulty = '' THEN (SELECT p50_ms FROM run_latencies WHERE run_id = m.run_id) END,
    CASE WHEN m.scenario || m.language || m.difficulty = '' THEN (SELECT p95_ms FROM run_latencies WHERE run_id = m.run_id) END
  FROM summed AS m JOIN placed AS p USING (run_id, scenario, language, difficulty) GROUP BY 1, 2, 3, 4;
INSERT INTO run_slices (run_id, scenario, language, difficulty, tasks, clusters, correct, total, score, squares, cost_usd, uncosted)
  SELECT c.run_id, '', '', '', c.total, c.total, c.correct, c.total, c.correct * 1.0 / c.total,
    c.correct * (c.total - c.correct) * 1.0 / c.total, c.cost_usd, c.uncosted
  FROM run_cells AS c JOIN run_counts AS n ON n.run_id = c.run_id JOIN runs AS r ON r.id = c.run_id AND r.published_at IS NOT NULL;
INSERT INTO run_scores (run_id, scores, pass_counts, parts)
  SELECT r.id,
    (SELECT json_group_array(score) FROM (SELECT round(avg(x.score), 12) AS score FROM benchmark_tasks AS t
       JOIN results AS x ON x.run_id = r.id AND x.task_id = t.task_id
       WHERE t.benchmark_id = r.benchmark_id AND t.version = r.version GROUP BY t.task_id ORDER BY t.position)),
    (SELECT json_group_array(json_array(samples, correct, tasks)) FROM (SELECT samples, correct, count(*) AS tasks
       FROM (SELECT sum(coalesce(x.samples, 1)) AS samples, sum(coalesce(x.correct, x.score >= 1)) AS correct FROM results AS x WHERE x.run_id = r.id GROUP BY x.task_id)
       GROUP BY 1, 2 ORDER BY 1, 2)),
    '{}'
  FROM runs AS r JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version
  WHERE r.published_at IS NOT NULL AND v.evidence = 'results';
INSERT INTO changes (seq, benchmark_id, kind, model_id, run_id, previous_run_id, current_run_id, rank_before, rank_after, moved)
  WITH standing AS MATERIALIZED (SELECT n.seq, e.model_id, e.run_id, rank() OVER (PARTITION BY n.seq ORDER BY s.score DESC) AS place
      FROM snapshots AS n JOIN leaderboard_entries AS e ON e.benchmark_id = n.benchmark_id AND e.version = n.version
        AND e.from_seq <= n.seq AND (e.to_seq IS NULL OR e.to_seq > n.seq)
      JOIN run_slices AS s ON s.run_id = e.run_id AND s.scenario = '' AND s.language = '' AND s.difficulty = ''),
    ordered AS (SELECT seq, lag(seq) OVER (PARTITION BY benchmark_id, version ORDER BY seq) AS earlier FROM snapshots)
  SELECT n.seq, n.benchmark_id, CASE WHEN b.run_id IS NULL THEN 'published' ELSE 'rescored' END, e.model_id, e.run_id, b.run_id, e.run_id,
    b.place, a.place,
    (SELECT json_group_array(json_object('model', model_id, 'from', was, 'to', becomes))
       FROM (SELECT y.model_id, x.place AS was, y.place AS becomes
         FROM standing AS y JOIN standing AS x ON x.seq = o.earlier AND x.model_id = y.model_id
         WHERE y.seq = n.seq AND x.place <> y.place AND y.model_id <> e.model_id ORDER BY y.place, y.model_id))
  FROM snapshots AS n JOIN ordered AS o ON o.seq = n.seq JOIN leaderboard_entries AS e ON e.from_seq = n.seq
  JOIN standing AS a ON a.seq = n.seq AND a.model_id = e.model_id
  LEFT JOIN standing AS b ON b.seq = o.earlier AND b.model_id = e.model_id;
DROP TABLE run_cells;
DROP TABLE run_latencies;
