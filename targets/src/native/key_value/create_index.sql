CREATE INDEX entries_by_expiry ON entries (expires_at)
