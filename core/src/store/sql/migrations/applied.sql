-- Lists the names of the migrations that ran, oldest first.
SELECT name FROM d1_migrations ORDER BY id
