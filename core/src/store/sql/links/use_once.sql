-- Uses the link ?1 at ?2, once, where its purpose is ?3 and its person is not suspended.
UPDATE one_time_tokens SET used_at = ?2
WHERE hash = ?1 AND purpose = ?3 AND used_at IS NULL AND expires_at > ?2
  AND EXISTS (SELECT 1 FROM users AS u WHERE u.id = one_time_tokens.user_id AND u.status = 'active')
