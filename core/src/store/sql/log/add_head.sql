-- Keeps a signed head. One that the same key signed at this size stays.
-- ?1 leaves, ?2 now, ?3 root, ?4 key, ?5 signature
INSERT INTO log_heads (size, signed_at, root_hash, key_id, signature)
VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (size, key_id) DO NOTHING
