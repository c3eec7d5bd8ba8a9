-- Creates key ?1 of person ?2, unless ?14 keys of theirs are active at ?13.
-- ?3 name; ?4 description; ?5 SHA-256 of the key; ?6 its start; ?7 an array of scopes; ?8 rate limit; ?9 its window in
-- seconds; ?10 an array of CIDR blocks; ?11 environment; ?12 when it ends (null for never); ?13 the time now.
INSERT INTO api_keys (
  id, user_id, name, description, key_hash, key_prefix, scopes, rate_limit, rate_limit_window_seconds, allowed_ips,
  environment, expires_at, created_at
)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13
WHERE (
  SELECT count(*) FROM api_keys
  WHERE user_id = ?2 AND status = 'active' AND (expires_at IS NULL OR expires_at > ?13)
) < ?14
RETURNING id
