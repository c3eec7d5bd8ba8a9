-- Guard: person ?1 is an administrator.
INSERT INTO batch_guard (expectation)
SELECT 'admin_role' WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = ?1 AND role = 'admin')
