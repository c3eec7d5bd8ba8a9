-- Sets the password of person ?1 to the hash ?3, at ?4, where it is still the one with the hash ?2.
UPDATE users SET password_hash = ?3, password_changed_at = ?4, updated_at = ?4
WHERE id = ?1 AND password_hash IS ?2
