-- Records that migration ?1 ran. The name is unique, so a second migrator at the same time fails as a whole.
INSERT INTO d1_migrations (name) VALUES (?1)
