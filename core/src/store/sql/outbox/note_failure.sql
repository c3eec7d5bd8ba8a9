-- Notes why mail ?1 was not accepted, ?2; it is tried again.
UPDATE outbox SET last_error = ?2 WHERE id = ?1
