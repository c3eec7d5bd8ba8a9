-- Adds a security event for each leaked key that is active at ?2. It comes before `revoke.sql`.
-- ?1 an array of objects with the members hash (SHA-256 in hexadecimal digits), eventId, event and details.
INSERT INTO audit_events (id, at, event, details, user_id)
SELECT leak.value ->> 'eventId', ?2, leak.value ->> 'event', leak.value -> 'details', k.user_id
FROM json_each(?1) AS leak
CROSS JOIN api_keys AS k ON k.key_hash = unhex(leak.value ->> 'hash')
  AND k.status = 'active' AND (k.expires_at IS NULL OR k.expires_at > ?2)
