-- Lists everybody's events of the name ?4, newest first: ?3 rows at most, from before time ?1 and id ?2. With the addresses
-- of whom they happened to, and of who did it.
SELECT
  a.id, a.at, a.event, a.user_id, a.actor_id, a.ip, a.user_agent, a.details,
  (SELECT u.email FROM users AS u WHERE u.id = a.user_id) AS user_email,
  (SELECT u.email FROM users AS u WHERE u.id = a.actor_id) AS actor_email
FROM audit_events AS a
WHERE a.event = ?4 AND (a.at, a.id) < (?1, ?2)
ORDER BY a.at DESC, a.id DESC
LIMIT ?3
