-- What the numbers of a version mean: which way is better, in what unit and within which bounds. And a third kind of
-- evidence beside results and counts: the score that a source publishes of a whole run.

-- `bounds`: `{"lower","upper"}`, each a number or null where there is none. Without it, 0 to 1.
ALTER TABLE benchmark_versions ADD COLUMN direction TEXT NOT NULL DEFAULT 'higher_is_better'
  CHECK (direction IN ('higher_is_better', 'lower_is_better'));
ALTER TABLE benchmark_versions ADD COLUMN unit TEXT;
ALTER TABLE benchmark_versions ADD COLUMN bounds TEXT CHECK (bounds IS NULL OR json_valid(bounds));

-- A column's check cannot change: another column takes its place.
ALTER TABLE benchmark_versions ADD COLUMN kind_of_evidence TEXT NOT NULL DEFAULT 'results'
  CHECK (kind_of_evidence IN ('results', 'counts', 'score'));
UPDATE benchmark_versions SET kind_of_evidence = evidence;
ALTER TABLE benchmark_versions DROP COLUMN evidence;
ALTER TABLE benchmark_versions RENAME COLUMN kind_of_evidence TO evidence;

-- The bounds of a score are those of its version.
ALTER TABLE results ADD COLUMN any_score REAL NOT NULL DEFAULT 0;
UPDATE results SET any_score = score;
ALTER TABLE results DROP COLUMN score;
ALTER TABLE results RENAME COLUMN any_score TO score;

-- What a source publishes of a run that tells neither results nor counts. Of the uncertainty it tells the standard error,
-- or a 95 % interval, or nothing.
CREATE TABLE run_given_scores (
  run_id TEXT PRIMARY KEY REFERENCES runs (id),
  score REAL NOT NULL,
  standard_error REAL,
  interval_low REAL,
  interval_high REAL,
  tasks INTEGER,
  samples INTEGER,
  cost_usd REAL,
  mean_latency_ms REAL
) STRICT, WITHOUT ROWID;

-- The same of a slice: what its interval is made of where the source gave it.
ALTER TABLE run_slices ADD COLUMN standard_error REAL;
ALTER TABLE run_slices ADD COLUMN interval_low REAL;
ALTER TABLE run_slices ADD COLUMN interval_high REAL;
