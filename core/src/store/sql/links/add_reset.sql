-- Adds a link ?2, from ?3 until ?4, that resets the password of whoever has the address ?1, where they got fewer than five
-- within the hour.
INSERT INTO one_time_tokens (hash, user_id, purpose, created_at, expires_at)
SELECT ?2, u.id, 'reset_password', ?3, ?4
FROM users AS u
WHERE u.email = ?1 AND (
  SELECT count(*) FROM one_time_tokens AS t
  WHERE t.user_id = u.id AND t.purpose = 'reset_password' AND t.created_at > ?3 - 3600000
) < 5
