-- Sets the password of the link ?1's person to the hash ?3, at ?2. The mail proves the address too; where it was not
-- proved before, the name goes, since a stranger may have registered it.
UPDATE users SET
  password_hash = ?3,
  password_changed_at = ?2,
  updated_at = ?2,
  full_name = CASE WHEN users.email_verified = 1 THEN users.full_name END,
  email_verified = 1
FROM one_time_tokens AS t
WHERE t.hash = ?1 AND users.id = t.user_id
