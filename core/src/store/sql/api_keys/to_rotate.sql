-- Finds key ?1 of person ?2, with its hash, whether it has a successor, and how many other keys of theirs are active at
-- ?3.
SELECT
  k.id, k.user_id, k.name, k.description, k.key_prefix, k.scopes, k.rate_limit, k.rate_limit_window_seconds,
  k.allowed_ips, k.environment, k.expires_at, k.created_at,
  coalesce((
    SELECT h.last_used_at FROM api_key_usage AS h
    WHERE h.key_id = k.id AND h.last_used_at IS NOT NULL
    ORDER BY h.hour DESC LIMIT 1
  ), k.last_used_at) AS last_used_at,
  k.status, k.revoked_at, k.rotated_from,
  k.key_hash,
  EXISTS (SELECT 1 FROM api_keys AS s WHERE s.rotated_from = k.id) AS is_rotated,
  (
    SELECT count(*) FROM api_keys AS o
    WHERE o.user_id = ?2 AND o.id <> ?1 AND o.status = 'active' AND (o.expires_at IS NULL OR o.expires_at > ?3)
  ) AS others
FROM api_keys AS k
WHERE k.id = ?1 AND k.user_id = ?2
