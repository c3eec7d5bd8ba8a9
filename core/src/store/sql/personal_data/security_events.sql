-- The security events of person ?1, newest first: ?2 rows at most, after the first ?3.
SELECT a.id, a.at, a.event, a.user_id, a.actor_id, a.ip, a.user_agent, a.details
FROM audit_events AS a
WHERE a.user_id = ?1
ORDER BY a.at DESC, a.id DESC
LIMIT ?2 OFFSET ?3
