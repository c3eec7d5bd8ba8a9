-- Records an event of the person of the mailed link with hash ?7, by themselves. Of the event: ?1 id, ?2 time, ?3 name,
-- ?4 IP address, ?5 user agent, ?6 details in JSON.
INSERT INTO audit_events (id, at, event, ip, user_agent, details, user_id, actor_id)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, user_id, user_id FROM one_time_tokens WHERE hash = ?7
