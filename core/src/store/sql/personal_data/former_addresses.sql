-- The former addresses that are kept for person ?1 at ?4, oldest first: ?2 rows at most, after the first ?3.
SELECT old_email, created_at, expires_at
FROM email_undos
WHERE user_id = ?1 AND used_at IS NULL AND expires_at > ?4
ORDER BY created_at, hash
LIMIT ?2 OFFSET ?3
