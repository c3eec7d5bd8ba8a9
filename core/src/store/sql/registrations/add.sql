-- Registers ?2 as ?1 at ?5 with the password hash ?3 and the name ?4: a new account, or nothing where there is one, or where
-- the address is kept for the account that has just left it. Until somebody proves the address, what each registration
-- chose waits with its own link.
INSERT INTO users (id, email, password_hash, full_name, created_at, updated_at, password_changed_at, self_registered)
SELECT ?1, ?2, ?3, ?4, ?5, ?5, ?5, 1
WHERE NOT EXISTS (SELECT 1 FROM email_undos AS e WHERE e.old_email = ?2 AND e.used_at IS NULL AND e.expires_at > ?5)
ON CONFLICT (email) DO NOTHING
