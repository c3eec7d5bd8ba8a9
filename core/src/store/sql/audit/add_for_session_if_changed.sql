-- Records an event of the person of session ?7, by nobody known, where the statement before this one changed a row. Of the
-- event: ?1 id, ?2 time, ?3 name, ?4 IP address, ?5 user agent, ?6 details in JSON.
INSERT INTO audit_events (id, at, event, ip, user_agent, details, user_id)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, user_id FROM sessions WHERE id = ?7 AND changes() > 0
