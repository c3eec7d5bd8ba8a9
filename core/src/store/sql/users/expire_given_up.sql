-- Deletes, at ?1, the accounts of wipe_given_up.sql, which has to come before; ?2 at most. Unproved accounts live ?3 ms.
DELETE FROM users WHERE id IN (
  SELECT u.id FROM users AS u
  WHERE u.email_verified = 0 AND u.self_registered = 1 AND u.created_at < ?1 - ?3
    AND NOT EXISTS (SELECT 1 FROM one_time_tokens AS t WHERE t.user_id = u.id AND t.expires_at > ?1)
  ORDER BY u.created_at, u.id LIMIT ?2
)
RETURNING 1
