-- The API keys of person ?1, newest first: ?2 rows at most, from before time ?3 and id ?4.
SELECT
  k.id, k.user_id, k.name, k.description, k.key_prefix, k.scopes, k.rate_limit, k.rate_limit_window_seconds,
  k.allowed_ips, k.environment, k.expires_at, k.created_at,
  coalesce(
    (
      SELECT h.last_used_at FROM api_key_usage AS h
      WHERE h.key_id = k.id AND h.last_used_at IS NOT NULL
      ORDER BY h.hour DESC LIMIT 1
    ),
    k.last_used_at
  ) AS last_used_at,
  k.status, k.revoked_at, k.rotated_from,
  k.created_at AS place_at, k.id AS place_id
FROM api_keys AS k
WHERE k.user_id = ?1 AND (k.created_at, k.id) < (?3, ?4)
ORDER BY k.created_at DESC, k.id DESC
LIMIT ?2
