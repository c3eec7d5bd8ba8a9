-- Keeps value ?2 of key ?1 until ?3.
INSERT INTO entries (key, value, expires_at) VALUES (?1, ?2, ?3)
ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
