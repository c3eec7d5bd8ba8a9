-- Records an event of whoever registered the address ?7, where nobody has proved it. Of the event: ?1 id, ?2 time,
-- ?3 name, ?4 IP address, ?5 user agent, ?6 details in JSON.
INSERT INTO audit_events (id, at, event, ip, user_agent, details, user_id)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, id FROM users WHERE email = ?7 AND email_verified = 0
