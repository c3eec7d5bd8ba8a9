-- Finds the keys with these hashes, and whether each is active at ?2.
-- ?1 an array of SHA-256 in hexadecimal digits.
SELECT
  k.key_hash, k.id, k.name, k.key_prefix,
  k.status = 'active' AND (k.expires_at IS NULL OR k.expires_at > ?2) AS is_active
FROM api_keys AS k
WHERE k.key_hash IN (SELECT unhex(value) FROM json_each(?1))
