-- Changes key ?1 of person ?2, where it lives at ?9. What is null stays as it is.
-- ?3 name; ?4 whether the description changes; ?5 description; ?6 an array of scopes; ?7 rate limit;
-- ?8 an array of CIDR blocks.
UPDATE api_keys SET
  name = coalesce(?3, name),
  description = CASE WHEN ?4 THEN ?5 ELSE description END,
  scopes = coalesce(?6, scopes),
  rate_limit = coalesce(?7, rate_limit),
  allowed_ips = coalesce(?8, allowed_ips)
WHERE id = ?1 AND user_id = ?2 AND status = 'active' AND (expires_at IS NULL OR expires_at > ?9)
