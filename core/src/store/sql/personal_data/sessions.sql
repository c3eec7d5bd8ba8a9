-- The sessions of person ?1 that are remembered, newest first: ?2 rows at most, after the first ?3.
SELECT id, user_agent, ip, cookie, created_at, last_used_at, expires_at, revoked_at, revoked_reason
FROM sessions
WHERE user_id = ?1
ORDER BY created_at DESC, id DESC
LIMIT ?2 OFFSET ?3
