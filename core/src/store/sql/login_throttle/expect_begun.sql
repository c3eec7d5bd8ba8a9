-- Guard `password_turn`, after begin.sql: the password may be checked now.
INSERT INTO batch_guard (expectation) SELECT 'password_turn' WHERE changes() < 1
