-- Marks the address of the link ?1 as proved, at ?2, and sets what its registration chose. Of an account whose address was
-- proved before, it sets nothing else.
UPDATE users SET
  email_verified = 1,
  password_hash = CASE WHEN users.email_verified = 1 THEN users.password_hash ELSE t.password_hash END,
  full_name = CASE WHEN users.email_verified = 1 THEN users.full_name ELSE t.full_name END,
  password_changed_at = CASE WHEN users.email_verified = 1 THEN users.password_changed_at ELSE ?2 END,
  updated_at = ?2
FROM one_time_tokens AS t
WHERE t.hash = ?1 AND users.id = t.user_id
