-- A link (?2, from ?3 until ?4) to the new address ?5 of person ?1, where nobody has proved that to be theirs, and it is
-- kept for nobody else.
INSERT INTO one_time_tokens (hash, user_id, purpose, created_at, expires_at, new_email)
SELECT ?2, ?1, 'change_email', ?3, ?4, ?5
WHERE NOT EXISTS (SELECT 1 FROM users AS u WHERE u.email = ?5 AND u.email_verified = 1)
  AND NOT EXISTS (
    SELECT 1 FROM email_undos AS e
    WHERE e.old_email = ?5 AND e.user_id <> ?1 AND e.used_at IS NULL AND e.expires_at > ?3
  )
