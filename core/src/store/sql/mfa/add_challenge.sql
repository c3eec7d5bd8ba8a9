-- Adds the challenge ?1, from ?5 until ?6, for the second factor of person ?2, unless the account changed since the
-- password was checked against the hash ?3. ?4 says whether the refresh token shall ride in a cookie.
INSERT INTO mfa_challenges (hash, user_id, password_hash, cookie, created_at, expires_at)
SELECT ?1, id, password_hash, ?4, ?5, ?6
FROM users
WHERE id = ?2 AND status = 'active' AND mfa_enabled = 1 AND password_hash IS ?3
