-- Revokes the leaked keys that are active at ?2.
-- ?1 an array of objects with the member hash (SHA-256 in hexadecimal digits).
UPDATE api_keys AS k SET status = 'revoked', revoked_at = ?2, revoked_reason = 'leaked'
WHERE k.key_hash IN (SELECT unhex(value ->> 'hash') FROM json_each(?1))
  AND k.status = 'active' AND (k.expires_at IS NULL OR k.expires_at > ?2)
