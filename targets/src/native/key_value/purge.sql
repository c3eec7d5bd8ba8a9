-- Forgets what has expired at ?1.
DELETE FROM entries WHERE expires_at <= ?1
