CREATE TABLE entries (
  key TEXT PRIMARY KEY,
  value BLOB NOT NULL,
  expires_at INTEGER NOT NULL -- milliseconds since the epoch
) STRICT, WITHOUT ROWID
