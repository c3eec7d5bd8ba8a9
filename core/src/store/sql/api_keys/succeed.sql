-- Creates the successor of key ?1 of person ?2, where that key lives at ?7, has no successor and is still as it was read,
-- and fewer than ?14 keys of theirs are active. The key itself counts among them where ?13 says so.
-- ?3 the successor's id; ?4 SHA-256 of it; ?5 its start; ?6 when it ends (null for never); ?7 the time now; what was read
-- of the key: ?8 name, ?9 description, ?10 an array of scopes, ?11 rate limit, ?12 an array of CIDR blocks.
INSERT INTO api_keys (
  id, user_id, name, description, key_hash, key_prefix, scopes, rate_limit, rate_limit_window_seconds, allowed_ips,
  environment, expires_at, created_at, rotated_from, first_key_id
)
SELECT
  ?3, k.user_id, k.name, k.description, ?4, ?5, k.scopes, k.rate_limit, k.rate_limit_window_seconds, k.allowed_ips,
  k.environment, ?6, ?7, k.id, coalesce(k.first_key_id, k.id)
FROM api_keys AS k
WHERE k.id = ?1 AND k.user_id = ?2 AND k.status = 'active' AND (k.expires_at IS NULL OR k.expires_at > ?7)
  AND k.name = ?8 AND k.description IS ?9 AND json(k.scopes) = json(?10) AND k.rate_limit = ?11
  AND json(k.allowed_ips) = json(?12)
  AND NOT EXISTS (SELECT 1 FROM api_keys AS s WHERE s.rotated_from = k.id)
  AND (
    SELECT count(*) FROM api_keys AS o
    WHERE o.user_id = ?2 AND o.status = 'active' AND (o.expires_at IS NULL OR o.expires_at > ?7) AND (?13 OR o.id <> ?1)
  ) < ?14
