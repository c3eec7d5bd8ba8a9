-- A link to reset the password (?2, from ?3 until ?4) of the person of ?1.
INSERT INTO one_time_tokens (hash, user_id, purpose, created_at, expires_at)
SELECT ?2, user_id, 'reset_password', ?3, ?4 FROM email_undos WHERE hash = ?1
