-- Accounts: second factors, guessing, known networks, security events.

CREATE INDEX users_by_creation ON users (created_at, id);
CREATE INDEX users_by_status ON users (status, created_at, id);
CREATE INDEX users_by_name ON users (full_name COLLATE NOCASE);

-- Registrations that nobody has proved, by age.
CREATE INDEX users_unproved ON users (created_at) WHERE email_verified = 0;

-- Whose mail it is, so that it goes with them.
ALTER TABLE outbox ADD COLUMN user_id TEXT;
CREATE INDEX outbox_by_user ON outbox (user_id, created_at, id) WHERE user_id IS NOT NULL;

-- Of the registration whose particulars a verification link carries: from which network it came, and 16 bits of a keyed
-- MAC of its password, by which two registrations agree or not.
ALTER TABLE one_time_tokens ADD COLUMN network TEXT;
ALTER TABLE one_time_tokens ADD COLUMN likeness INTEGER;

CREATE INDEX sessions_live ON sessions (user_id, created_at, id) WHERE revoked_at IS NULL;

-- A second factor by time (RFC 6238). The secret is sealed; unconfirmed until a first code was right.
-- `last_step`: the newest time step of which a code was used, so that none is taken twice.
CREATE TABLE totp_credentials (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL UNIQUE REFERENCES users (id) ON DELETE CASCADE,
  secret BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  confirmed_at INTEGER,
  last_step INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- Only the SHA-256 of a code of 120 random bits.
CREATE TABLE recovery_codes (
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  hash BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  used_at INTEGER,
  PRIMARY KEY (user_id, hash)
) STRICT, WITHOUT ROWID;

-- A login whose password was right and whose second factor is asked for. Only the SHA-256 of its token.
-- `password_hash`: what the password was checked against; another one since then ends the challenge.
CREATE TABLE mfa_challenges (
  hash BLOB PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  password_hash TEXT,
  cookie INTEGER NOT NULL CHECK (cookie IN (0, 1)),
  attempts INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX mfa_challenges_by_user ON mfa_challenges (user_id);
CREATE INDEX mfa_challenges_by_expiry ON mfa_challenges (expires_at);

-- Failed guesses by subject: an account as strangers see it, an account from one of its known networks, a client
-- network, a session that is asked for the password again, a person that is asked for a code.
CREATE TABLE guesses (
  subject TEXT PRIMARY KEY,
  failures INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  previous_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX guesses_by_age ON guesses (last_at);

-- Networks (IPv4 /32, IPv6 /64) that a person has logged in from.
CREATE TABLE known_networks (
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  network TEXT NOT NULL,
  first_seen_at INTEGER NOT NULL,
  last_seen_at INTEGER NOT NULL,
  PRIMARY KEY (user_id, network)
) STRICT, WITHOUT ROWID;
CREATE INDEX known_networks_by_age ON known_networks (last_seen_at);

-- Security events. They outlive the person, whose id then stands for nobody and whose particulars are wiped.
CREATE TABLE audit_events (
  id TEXT PRIMARY KEY,
  at INTEGER NOT NULL,
  event TEXT NOT NULL,
  user_id TEXT,
  actor_id TEXT,
  ip TEXT,
  user_agent TEXT,
  details TEXT NOT NULL CHECK (json_valid(details))
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_events_by_time ON audit_events (at, id);
CREATE INDEX audit_events_by_user ON audit_events (user_id, at, id);
CREATE INDEX audit_events_by_actor ON audit_events (actor_id, at, id);
