-- The sessions of person ?1 that live at ?5, newest first: ?4 rows at most, from before time ?2 and id ?3.
-- An unused session lives ?6 ms.
SELECT id, user_agent, ip, cookie, created_at, last_used_at, expires_at
FROM sessions
WHERE user_id = ?1 AND revoked_at IS NULL AND (created_at, id) < (?2, ?3)
  AND expires_at > ?5 AND last_used_at > ?5 - ?6
ORDER BY created_at DESC, id DESC
LIMIT ?4
