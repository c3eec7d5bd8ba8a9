-- Notes that the provider accepted mail ?1 at ?2, and wipes its text.
UPDATE outbox SET sent_at = ?2, next_attempt_at = NULL, payload = NULL WHERE id = ?1
