CREATE TABLE users (
  id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, full_name TEXT, password_hash TEXT NOT NULL,
  verified_at INTEGER, created_at INTEGER NOT NULL
);
CREATE TABLE tokens (hash TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users, expires_at INTEGER NOT NULL);
CREATE TABLE mails (id TEXT PRIMARY KEY, recipient TEXT NOT NULL, text TEXT NOT NULL, created_at INTEGER NOT NULL);
CREATE INDEX mails_by_recipient ON mails (recipient);
CREATE TABLE sessions (
  id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users, refresh_hash TEXT NOT NULL UNIQUE,
  created_at INTEGER NOT NULL, used_at INTEGER NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE TABLE events (id TEXT PRIMARY KEY, user_id TEXT NOT NULL, kind TEXT NOT NULL, created_at INTEGER NOT NULL);
CREATE INDEX events_by_user ON events (user_id);
CREATE TABLE api_keys (
  id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users, hash TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
  scopes TEXT NOT NULL, rate_limit INTEGER NOT NULL, window_start INTEGER NOT NULL, window_count INTEGER NOT NULL,
  created_at INTEGER NOT NULL
);
CREATE INDEX api_keys_by_user ON api_keys (user_id);
CREATE TABLE benchmarks (slug TEXT NOT NULL, version TEXT NOT NULL, title TEXT NOT NULL, PRIMARY KEY (slug, version));
CREATE TABLE tasks (slug TEXT NOT NULL, version TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (slug, version, id)) WITHOUT ROWID;
CREATE TABLE models (id TEXT PRIMARY KEY, display_name TEXT NOT NULL);
CREATE TABLE runs (
  id TEXT PRIMARY KEY, user_id TEXT NOT NULL, model TEXT NOT NULL, slug TEXT NOT NULL, version TEXT NOT NULL,
  harness TEXT NOT NULL, status TEXT NOT NULL, score REAL, low REAL, high REAL, tasks INTEGER, published_at INTEGER
);
CREATE INDEX runs_by_benchmark ON runs (slug, version, status, score);
CREATE TABLE results (
  run_id TEXT NOT NULL REFERENCES runs, task TEXT NOT NULL, attempt INTEGER NOT NULL, status TEXT NOT NULL,
  score REAL NOT NULL, PRIMARY KEY (run_id, task, attempt)
) WITHOUT ROWID;
