-- Finds the hash of key ?1 of person ?2.
SELECT key_hash FROM api_keys WHERE id = ?1 AND user_id = ?2
