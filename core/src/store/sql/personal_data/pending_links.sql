-- The mailed links of person ?1 that still work at ?4, oldest first: ?2 rows at most, after the first ?3.
SELECT purpose, new_email, created_at, expires_at
FROM one_time_tokens
WHERE user_id = ?1 AND used_at IS NULL AND expires_at > ?4
ORDER BY created_at
LIMIT ?2 OFFSET ?3
