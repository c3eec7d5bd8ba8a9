-- Queues mail ?1 for person ?2 who logs in from the network ?6, where they were not seen in it before but have logged in
-- otherwise, want to be told, and got fewer than ?7 of the kind within a day. ?3 is its kind, ?4 its payload, ?5 the time.
-- It comes before what notes this login. Returns a row where it is queued.
INSERT INTO outbox (id, kind, payload, created_at, next_attempt_at, recipient, user_id)
SELECT ?1, ?3, ?4, ?5, ?5, u.email, u.id
FROM users AS u
WHERE u.id = ?2 AND u.tell_new_networks = 1
  AND NOT EXISTS (SELECT 1 FROM known_networks AS n WHERE n.user_id = ?2 AND n.network = ?6)
  -- Networks are forgotten after a while; events last longer. + keeps SQLite from walking everybody's logins.
  AND (
    EXISTS (SELECT 1 FROM known_networks AS n WHERE n.user_id = ?2)
    OR EXISTS (SELECT 1 FROM audit_events AS e WHERE e.user_id = ?2 AND +e.event = 'login')
  )
  AND (
    SELECT count(*) FROM outbox AS o WHERE o.recipient = u.email AND o.created_at > ?5 - 86400000 AND o.kind = ?3
  ) < ?7
RETURNING 1
