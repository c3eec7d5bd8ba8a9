-- Makes person ?1 an administrator, at ?2, where their address is proved and they are none yet.
UPDATE users SET role = 'admin', updated_at = ?2 WHERE id = ?1 AND email_verified = 1 AND role <> 'admin'
