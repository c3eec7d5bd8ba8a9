-- Records an event of person ?7, by person ?8 (nobody where null). Of the event: ?1 id, ?2 time, ?3 name, ?4 IP address,
-- ?5 user agent, ?6 details in JSON.
INSERT INTO audit_events (id, at, event, ip, user_agent, details, user_id, actor_id)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
