-- The security events of person ?1, newest first: ?2 rows at most, from before time ?3 and id ?4.
SELECT
  a.id, a.at, a.event, a.user_id, a.actor_id, a.ip, a.user_agent, a.details,
  a.at AS place_at, a.id AS place_id
FROM audit_events AS a
WHERE a.user_id = ?1 AND (a.at, a.id) < (?3, ?4)
ORDER BY a.at DESC, a.id DESC
LIMIT ?2
