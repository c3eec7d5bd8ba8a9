-- Gives mail ?1 up, notes why, ?2, and wipes its text.
UPDATE outbox SET last_error = ?2, next_attempt_at = NULL, payload = NULL WHERE id = ?1
