-- Forgets what was counted of key ?1 in hour ?2.
DELETE FROM uses WHERE key_id = ?1 AND start = ?2
