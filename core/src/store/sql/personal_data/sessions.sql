-- The sessions of person ?1 that are remembered, newest first: ?2 rows at most, from before
-- time ?3 and id ?4.
SELECT
  id, user_agent, ip, cookie, created_at, last_used_at, expires_at, revoked_at, revoked_reason,
  created_at AS place_at, id AS place_id
FROM sessions
WHERE user_id = ?1 AND (created_at, id) < (?3, ?4)
ORDER BY created_at DESC, id DESC
LIMIT ?2
