-- AIBaaS, first schema. One file for D1, Spin and the native server: plain SQLite, STRICT tables, no triggers.
-- Times are milliseconds since the epoch. A statement ends with a semicolon at the end of its line.

-- Never holds a row: inserting one fails, and with it the batch whose expectation was not met.
CREATE TABLE batch_guard (
  expectation TEXT NOT NULL,
  CONSTRAINT expectation_failed CHECK (expectation IS NULL)
) STRICT;

-- A person. Without a password hash they have another way in.
CREATE TABLE users (
  id TEXT PRIMARY KEY,
  email TEXT NOT NULL UNIQUE,
  password_hash TEXT,
  full_name TEXT,
  email_verified INTEGER NOT NULL DEFAULT 0 CHECK (email_verified IN (0, 1)),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  password_changed_at INTEGER NOT NULL,
  role TEXT NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'publisher', 'admin')),
  status TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
  mfa_enabled INTEGER NOT NULL DEFAULT 0 CHECK (mfa_enabled IN (0, 1)),
  language TEXT NOT NULL DEFAULT 'en'
) STRICT, WITHOUT ROWID;

-- The refresh token is not stored: it is a MAC over id, generation and nonce, so the current one can be given again.
CREATE TABLE sessions (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  nonce BLOB NOT NULL,
  generation INTEGER NOT NULL,
  cookie INTEGER NOT NULL DEFAULT 0 CHECK (cookie IN (0, 1)),
  user_agent TEXT,
  ip TEXT,
  created_at INTEGER NOT NULL,
  rotated_at INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  revoked_at INTEGER,
  revoked_reason TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (user_id, created_at);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- Links in mails: verification, reset, change of address. Only the SHA-256 of the token.
CREATE TABLE one_time_tokens (
  hash BLOB PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  purpose TEXT NOT NULL CHECK (purpose IN ('verify_email', 'reset_password', 'change_email')),
  new_email TEXT,
  -- What the registration that asked for this link chose, and its use sets.
  password_hash TEXT,
  full_name TEXT,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX one_time_tokens_by_user ON one_time_tokens (user_id, purpose);
CREATE INDEX one_time_tokens_by_expiry ON one_time_tokens (expires_at);

-- Transactional outbox: written with its cause, sent afterwards until accepted. The payload is sealed.
CREATE TABLE outbox (
  id TEXT PRIMARY KEY,
  recipient TEXT NOT NULL,
  kind TEXT NOT NULL,
  payload BLOB,
  created_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  next_attempt_at INTEGER,
  sent_at INTEGER,
  last_error TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_due ON outbox (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX outbox_by_age ON outbox (created_at, id);
CREATE INDEX outbox_by_recipient ON outbox (recipient, created_at, id);

CREATE TABLE api_keys (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  description TEXT,
  key_hash BLOB NOT NULL UNIQUE,
  key_prefix TEXT NOT NULL,
  scopes TEXT NOT NULL CHECK (json_valid(scopes)),
  rate_limit INTEGER NOT NULL CHECK (rate_limit > 0),
  rate_limit_window_seconds INTEGER NOT NULL CHECK (rate_limit_window_seconds > 0),
  allowed_ips TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(allowed_ips)),
  environment TEXT NOT NULL CHECK (environment IN ('live', 'test')),
  expires_at INTEGER,
  created_at INTEGER NOT NULL,
  last_used_at INTEGER,
  status TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'revoked')),
  revoked_at INTEGER,
  rotated_from TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX api_keys_by_user ON api_keys (user_id, created_at);

-- The log of a sliding window, for hosts that count in SQL.
CREATE TABLE rate_limit_events (
  subject TEXT NOT NULL,
  name TEXT NOT NULL,
  at INTEGER NOT NULL,
  cost INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX rate_limit_events_by_subject ON rate_limit_events (subject, name, at, cost);
CREATE INDEX rate_limit_events_by_expiry ON rate_limit_events (expires_at);

CREATE TABLE models (
  id TEXT PRIMARY KEY,
  provider TEXT NOT NULL,
  display_name TEXT NOT NULL,
  context_window INTEGER,
  input_usd_per_mtok REAL,
  output_usd_per_mtok REAL,
  licence TEXT,
  released_on TEXT,
  training_cutoff TEXT,
  deprecated INTEGER NOT NULL DEFAULT 0 CHECK (deprecated IN (0, 1)),
  owner_id TEXT REFERENCES users (id) ON DELETE SET NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX models_by_owner ON models (owner_id);

CREATE TABLE benchmarks (
  id TEXT PRIMARY KEY,
  owner_id TEXT REFERENCES users (id) ON DELETE SET NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX benchmarks_by_owner ON benchmarks (owner_id);

-- What a version says never changes once a run stands on it; `definition` is its canonical JSON.
-- Evidence `results`: scored task by task. Evidence `counts`: the source only tells k of n.
CREATE TABLE benchmark_versions (
  benchmark_id TEXT NOT NULL REFERENCES benchmarks (id),
  version TEXT NOT NULL,
  title TEXT NOT NULL,
  description TEXT,
  metric TEXT NOT NULL CHECK (metric IN ('pass_rate', 'score')),
  chance_level REAL,
  evidence TEXT NOT NULL CHECK (evidence IN ('results', 'counts')),
  task_count INTEGER NOT NULL CHECK (task_count > 0),
  attempts_per_task INTEGER NOT NULL CHECK (attempts_per_task > 0),
  definition TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (benchmark_id, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE benchmark_tasks (
  benchmark_id TEXT NOT NULL,
  version TEXT NOT NULL,
  task_id TEXT NOT NULL,
  position INTEGER NOT NULL,
  scenario TEXT,
  language TEXT,
  difficulty TEXT,
  PRIMARY KEY (benchmark_id, version, task_id),
  FOREIGN KEY (benchmark_id, version) REFERENCES benchmark_versions (benchmark_id, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
  id TEXT PRIMARY KEY,
  owner_id TEXT REFERENCES users (id) ON DELETE SET NULL,
  model_id TEXT NOT NULL REFERENCES models (id),
  benchmark_id TEXT NOT NULL,
  version TEXT NOT NULL,
  harness TEXT NOT NULL,
  harness_version TEXT NOT NULL,
  commit_hash TEXT NOT NULL,
  dirty INTEGER NOT NULL CHECK (dirty IN (0, 1)),
  prompt_hash TEXT,
  generation_config TEXT NOT NULL CHECK (json_valid(generation_config)),
  attempts_policy TEXT,
  command TEXT,
  evaluator_relationship TEXT NOT NULL CHECK (evaluator_relationship IN ('first_party', 'third_party', 'self_reported')),
  external_id TEXT,
  request TEXT NOT NULL,
  started_at INTEGER,
  completed_at INTEGER,
  status TEXT NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'published', 'rejected', 'withdrawn')),
  reason TEXT,
  created_at INTEGER NOT NULL,
  published_at INTEGER,
  UNIQUE (owner_id, external_id),
  FOREIGN KEY (benchmark_id, version) REFERENCES benchmark_versions (benchmark_id, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX runs_by_model ON runs (model_id, created_at);
CREATE INDEX runs_by_benchmark ON runs (benchmark_id, version, created_at);

CREATE TABLE results (
  run_id TEXT NOT NULL REFERENCES runs (id),
  task_id TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('success', 'failed', 'timeout', 'error')),
  score REAL NOT NULL CHECK (score BETWEEN 0 AND 1),
  samples INTEGER,
  correct INTEGER,
  latency_ms REAL,
  input_tokens INTEGER,
  output_tokens INTEGER,
  cost_usd REAL,
  PRIMARY KEY (run_id, task_id, attempt)
) STRICT, WITHOUT ROWID;

-- What an aggregate-only source tells of a run: how many of the tasks passed by each attempt.
CREATE TABLE run_counts (
  run_id TEXT PRIMARY KEY REFERENCES runs (id),
  total INTEGER NOT NULL,
  correct_by_attempt TEXT NOT NULL CHECK (json_valid(correct_by_attempt)),
  cost_usd REAL,
  mean_latency_ms REAL
) STRICT, WITHOUT ROWID;

-- Kept when publishing, so that a read never touches results. One row a slice of the run: sums add up to any
-- coarser slice. `tasks`: distinct tasks; `score_sum`, `score_square_sum`: over each task's mean score.
CREATE TABLE run_cells (
  run_id TEXT NOT NULL REFERENCES runs (id),
  scenario TEXT NOT NULL,
  language TEXT NOT NULL,
  difficulty TEXT NOT NULL,
  tasks INTEGER NOT NULL,
  correct INTEGER NOT NULL,
  total INTEGER NOT NULL,
  score_sum REAL NOT NULL,
  score_square_sum REAL NOT NULL,
  cost_usd REAL,
  uncosted INTEGER NOT NULL,
  PRIMARY KEY (run_id, scenario, language, difficulty)
) STRICT, WITHOUT ROWID;

-- Percentiles of a whole run, which no sum of cells gives.
CREATE TABLE run_latencies (
  run_id TEXT PRIMARY KEY REFERENCES runs (id),
  p50_ms REAL,
  p95_ms REAL
) STRICT, WITHOUT ROWID;

-- One snapshot a publication; immutable. An entry stands from one snapshot until another takes its place.
CREATE TABLE snapshots (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  benchmark_id TEXT NOT NULL,
  version TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  FOREIGN KEY (benchmark_id, version) REFERENCES benchmark_versions (benchmark_id, version)
) STRICT;
CREATE INDEX snapshots_by_benchmark ON snapshots (benchmark_id, version, seq);

CREATE TABLE leaderboard_entries (
  benchmark_id TEXT NOT NULL,
  version TEXT NOT NULL,
  model_id TEXT NOT NULL REFERENCES models (id),
  run_id TEXT NOT NULL REFERENCES runs (id),
  from_seq INTEGER NOT NULL REFERENCES snapshots (seq),
  to_seq INTEGER REFERENCES snapshots (seq),
  PRIMARY KEY (benchmark_id, version, model_id, from_seq)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX leaderboard_entries_current ON leaderboard_entries (benchmark_id, version, model_id) WHERE to_seq IS NULL;
CREATE INDEX leaderboard_entries_by_from ON leaderboard_entries (from_seq);
CREATE INDEX leaderboard_entries_by_to ON leaderboard_entries (to_seq);
CREATE INDEX leaderboard_entries_by_run ON leaderboard_entries (run_id);
