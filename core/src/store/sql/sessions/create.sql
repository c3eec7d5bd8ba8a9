-- Starts session ?1 of person ?2, where the account is as it was when it was read: active, verified, with the password
-- hash ?9, and with a second factor or without one, as ?10 says.
--
-- ?3      what the MAC of its refresh tokens is bound to
-- ?4, ?5  what the client calls itself, and its address
-- ?6, ?7  now, and when the session ends
-- ?8      whether its refresh token rides in a cookie
INSERT INTO sessions (
  id, user_id, nonce, generation, user_agent, ip, created_at, rotated_at, last_used_at, expires_at, cookie
)
SELECT ?1, u.id, ?3, 0, ?4, ?5, ?6, ?6, ?6, ?7, ?8
FROM users AS u
WHERE u.id = ?2 AND u.status = 'active' AND u.email_verified = 1 AND u.password_hash IS ?9 AND u.mfa_enabled = ?10
