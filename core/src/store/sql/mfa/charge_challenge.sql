-- Counts an answer to the challenge ?1 while it may be answered, at ?2: after fewer than five, and while the person is as
-- they were when their password was right. ?3 is when the answer was right, else null.
UPDATE mfa_challenges AS c SET attempts = attempts + 1, used_at = ?3
FROM users AS u
WHERE c.hash = ?1 AND u.id = c.user_id
  AND c.attempts < 5 AND c.used_at IS NULL AND c.expires_at > ?2 AND u.status = 'active'
  AND u.mfa_enabled = 1 AND u.password_hash IS c.password_hash
