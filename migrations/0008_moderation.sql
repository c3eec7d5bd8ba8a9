-- Services of the platform, keys that share a limit with those they were rotated from, and moderation.

-- The check of a column cannot be changed: another column takes its place, with the role `service`.
ALTER TABLE users ADD COLUMN any_role TEXT NOT NULL DEFAULT 'user' CHECK (any_role IN ('user', 'publisher', 'service', 'admin'));
UPDATE users SET any_role = role;
ALTER TABLE users DROP COLUMN role;
ALTER TABLE users RENAME COLUMN any_role TO role;

-- The first of the keys that were rotated one into the other; empty for itself. They share one limit.
ALTER TABLE api_keys ADD COLUMN first_key_id TEXT;
UPDATE api_keys AS k SET first_key_id = (
  WITH RECURSIVE earlier (id, rotated_from) AS (
    SELECT f.id, f.rotated_from FROM api_keys AS f WHERE f.id = k.rotated_from
    UNION ALL SELECT f.id, f.rotated_from FROM earlier AS e JOIN api_keys AS f ON f.id = e.rotated_from)
  SELECT id FROM earlier WHERE rotated_from IS NULL OR rotated_from NOT IN (SELECT id FROM api_keys))
  WHERE rotated_from IS NOT NULL;

-- Moderation. What is hidden is told nowhere but in the log, whose reasons are public. A given name stands however often
-- the owner declares another.
ALTER TABLE models ADD COLUMN hidden_reason TEXT;
ALTER TABLE models ADD COLUMN given_name TEXT;
ALTER TABLE benchmarks ADD COLUMN hidden_reason TEXT;
ALTER TABLE benchmarks ADD COLUMN given_title TEXT;

-- Append-only. `after_seq`: the newest snapshot then, so that moderation has its place among the changes.
CREATE TABLE moderations (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  after_seq INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('hidden', 'unhidden', 'renamed')),
  model_id TEXT REFERENCES models (id),
  benchmark_id TEXT REFERENCES benchmarks (id),
  name TEXT,
  reason TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  CHECK ((model_id IS NULL) <> (benchmark_id IS NULL))
) STRICT;
CREATE INDEX moderations_by_place ON moderations (after_seq, seq);
CREATE INDEX moderations_by_benchmark ON moderations (benchmark_id, after_seq, seq);

-- What stands now, by when it came in: which board is shown where none is named.
CREATE INDEX leaderboard_entries_standing ON leaderboard_entries (from_seq) WHERE to_seq IS NULL;
CREATE INDEX leaderboard_entries_standing_on ON leaderboard_entries (benchmark_id, version, from_seq) WHERE to_seq IS NULL;
