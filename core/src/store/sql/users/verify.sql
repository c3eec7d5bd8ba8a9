-- Marks the address of the link ?1 as proved, at ?2, and sets what its registration chose.
UPDATE users SET
  email_verified = 1, password_hash = t.password_hash, full_name = t.full_name, password_changed_at = ?2, updated_at = ?2
FROM one_time_tokens AS t
WHERE t.hash = ?1 AND users.id = t.user_id
