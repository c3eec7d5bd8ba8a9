-- Lists everybody's events, newest first: ?3 rows at most, from before time ?1 and id ?2.
SELECT a.id, a.at, a.event, a.user_id, a.actor_id, a.ip, a.user_agent, a.details
FROM audit_events AS a
WHERE (a.at, a.id) < (?1, ?2)
ORDER BY a.at DESC, a.id DESC
LIMIT ?3
