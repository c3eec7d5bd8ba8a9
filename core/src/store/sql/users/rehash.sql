-- Replaces the hash ?2 of person ?1 by ?3, which is of the same password.
UPDATE users SET password_hash = ?3 WHERE id = ?1 AND password_hash = ?2
