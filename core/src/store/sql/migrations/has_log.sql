-- Finds the log of migrations, which a database that was never migrated lacks.
SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'd1_migrations'
