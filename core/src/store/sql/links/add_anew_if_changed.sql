-- Adds a link ?2, from ?3 until ?4, that verifies the address of person ?1 anew, where the statement before this one changed
-- a row. It sets nothing else.
INSERT INTO one_time_tokens (hash, user_id, purpose, created_at, expires_at)
SELECT ?2, id, 'verify_email', ?3, ?4 FROM users WHERE id = ?1 AND changes() > 0
