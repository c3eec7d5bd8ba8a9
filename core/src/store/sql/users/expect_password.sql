-- Guard `password_unchanged`: the password of person ?1 is still the one with the hash ?2.
INSERT INTO batch_guard (expectation)
SELECT 'password_unchanged' WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = ?1 AND password_hash IS ?2)
