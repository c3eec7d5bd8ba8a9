-- API keys: successors and use. Requests that are made once however often they are sent.

-- A key is rotated once.
CREATE UNIQUE INDEX api_keys_by_predecessor ON api_keys (rotated_from) WHERE rotated_from IS NOT NULL;

-- Why a key was revoked: by its person, by rotation, by an operator, or because it was found in public.
ALTER TABLE api_keys ADD COLUMN revoked_reason TEXT;

-- What became of the requests with a key, by hour (its start). The newest `last_used_at` is the key's.
CREATE TABLE api_key_usage (
  key_id TEXT NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
  hour INTEGER NOT NULL,
  allowed INTEGER NOT NULL,
  limited INTEGER NOT NULL,
  denied INTEGER NOT NULL,
  last_used_at INTEGER,
  PRIMARY KEY (key_id, hour)
) STRICT, WITHOUT ROWID;
CREATE INDEX api_key_usage_by_age ON api_key_usage (hour);

-- Requests with an Idempotency-Key. `caller` says whose name the key is; `fingerprint` is a MAC of method, path and body,
-- which may hold a password. Running until the answer is there: sealed bytes, since it may hold an API key, or text that
-- a statement composed of nothing secret. A claim that was not fulfilled ends by itself, and what it stood for has then
-- not happened.
CREATE TABLE idempotent_requests (
  caller TEXT NOT NULL,
  key TEXT NOT NULL,
  fingerprint BLOB NOT NULL,
  claim TEXT NOT NULL,
  claimed_until INTEGER NOT NULL,
  status INTEGER,
  answer ANY,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (caller, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotent_requests_by_expiry ON idempotent_requests (expires_at);
