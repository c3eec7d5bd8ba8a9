-- Lists the events of person ?1, newest first: ?4 rows at most, from before time ?2 and id ?3.
SELECT a.id, a.at, a.event, a.user_id, a.actor_id, a.ip, a.user_agent, a.details
FROM audit_events AS a
WHERE a.user_id = ?1 AND (a.at, a.id) < (?2, ?3)
ORDER BY a.at DESC, a.id DESC
LIMIT ?4
