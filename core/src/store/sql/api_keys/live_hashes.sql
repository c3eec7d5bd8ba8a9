-- Lists the hashes of the keys of person ?1 that may still work at ?2.
SELECT key_hash FROM api_keys
WHERE user_id = ?1 AND status = 'active' AND (expires_at IS NULL OR expires_at > ?2)
