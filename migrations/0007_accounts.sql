-- Accounts: registrations that stand for themselves, changes of address that can be undone, passwords that are being checked.

-- A verification link sets what its own registration chose, whatever others chose: nothing is compared any more.
ALTER TABLE one_time_tokens DROP COLUMN likeness;

-- Changes of address. The link of one, mailed to the address before it, undoes it; while the link works nobody else gets
-- that address. Only the SHA-256 of its token.
CREATE TABLE email_undos (
  hash BLOB PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  old_email TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX email_undos_by_user ON email_undos (user_id, created_at);
CREATE INDEX email_undos_by_address ON email_undos (old_email);
CREATE INDEX email_undos_by_expiry ON email_undos (expires_at);

-- Passwords that are being checked, one row for each subject of `guesses` that they may turn out to be a failure of. What
-- died half way stays until it expires.
CREATE TABLE guesses_in_flight (
  id TEXT NOT NULL,
  subject TEXT NOT NULL,
  longest_ms INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (id, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX guesses_in_flight_by_subject ON guesses_in_flight (subject, expires_at);
CREATE INDEX guesses_in_flight_by_expiry ON guesses_in_flight (expires_at);
