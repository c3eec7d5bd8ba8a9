-- Reads the value of key ?1, unless it has expired at ?2.
SELECT value FROM entries WHERE key = ?1 AND expires_at > ?2
