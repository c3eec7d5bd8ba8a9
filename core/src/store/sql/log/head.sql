-- Finds the newest head, of this key where it signed one.
-- ?1 key
SELECT size, signed_at, root_hash, key_id, signature
FROM log_heads
WHERE size = (SELECT max(size) FROM log_heads)
ORDER BY key_id = ?1 DESC, signed_at DESC
LIMIT 1
