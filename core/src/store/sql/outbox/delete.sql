-- Deletes mail ?1.
DELETE FROM outbox WHERE id = ?1
