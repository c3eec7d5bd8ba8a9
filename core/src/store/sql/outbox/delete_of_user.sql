-- Deletes the mails of person ?1.
DELETE FROM outbox WHERE user_id = ?1
