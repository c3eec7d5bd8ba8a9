-- Reads what the key with hash ?1 grants, and what was saved of its use in the hour that starts at ?2.
SELECT
  k.key_hash, f.id AS first_key_id, f.key_hash AS first_key_hash, k.id, k.user_id, k.scopes, k.rate_limit,
  k.rate_limit_window_seconds, k.allowed_ips, k.expires_at, k.status,
  u.role AS owner_role, u.status AS owner_status,
  h.allowed, h.limited, h.denied, h.last_used_at
FROM api_keys AS k
JOIN users AS u ON u.id = k.user_id
JOIN api_keys AS f ON f.id = coalesce(k.first_key_id, k.id)
LEFT JOIN api_key_usage AS h ON h.key_id = k.id AND h.hour = ?2
WHERE k.key_hash = ?1
