-- Gives mail ?1 up, and notes why, ?2. Its text stays, sealed, until the mail expires: somebody may have it sent again.
UPDATE outbox SET last_error = ?2, next_attempt_at = NULL WHERE id = ?1
