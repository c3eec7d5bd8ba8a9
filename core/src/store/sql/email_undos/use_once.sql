-- Uses the link ?1 at ?2, once; no suspended person's.
UPDATE email_undos SET used_at = ?2
WHERE hash = ?1 AND used_at IS NULL AND expires_at > ?2
  AND EXISTS (SELECT 1 FROM users AS u WHERE u.id = email_undos.user_id AND u.status = 'active')
