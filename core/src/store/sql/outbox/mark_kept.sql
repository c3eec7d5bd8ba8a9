-- Notes that mail ?1 was kept at ?2, for the development mailbox, instead of sent.
UPDATE outbox SET sent_at = ?2, next_attempt_at = NULL WHERE id = ?1
