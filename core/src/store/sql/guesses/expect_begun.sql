-- Guard after begin.sql: fails the batch where the password may not be checked now.
INSERT INTO batch_guard (expectation) SELECT 'a turn' WHERE changes() < 1
