-- Lists everybody's keys with their owners' addresses, newest first: ?2 rows at most, from before the id ?1.
SELECT
  k.id, k.user_id, k.name, k.description, k.key_prefix, k.scopes, k.rate_limit, k.rate_limit_window_seconds,
  k.allowed_ips, k.environment, k.expires_at, k.created_at,
  coalesce((
    SELECT h.last_used_at FROM api_key_usage AS h
    WHERE h.key_id = k.id AND h.last_used_at IS NOT NULL
    ORDER BY h.hour DESC LIMIT 1
  ), k.last_used_at) AS last_used_at,
  k.status, k.revoked_at, k.rotated_from,
  u.email AS owner_email
FROM api_keys AS k JOIN users AS u ON u.id = k.user_id
WHERE k.id < ?1
ORDER BY k.id DESC
LIMIT ?2
