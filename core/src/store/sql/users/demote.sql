-- Makes administrator ?1 an ordinary user, at ?2.
UPDATE users SET role = 'user', updated_at = ?2 WHERE id = ?1 AND role = 'admin'
