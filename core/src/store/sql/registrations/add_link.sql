-- Adds a link ?2, from ?3 until ?4, that verifies the address ?1 where it is not verified yet. With it waits what its
-- registration chose, the password hash ?5 and the name ?6, and the network ?7 that the registration came from.
INSERT INTO one_time_tokens (hash, user_id, purpose, created_at, expires_at, password_hash, full_name, network)
SELECT ?2, id, 'verify_email', ?3, ?4, ?5, ?6, ?7 FROM users WHERE email = ?1 AND email_verified = 0
