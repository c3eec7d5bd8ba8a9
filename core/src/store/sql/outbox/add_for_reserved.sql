-- Queues mail ?1 for the address ?2, where it is kept for the account that left it, that is not person ?6's, and the
-- address got fewer than ?7 of the kind within the hour. ?3 is its kind, ?4 its payload, ?5 the time.
INSERT INTO outbox (id, kind, payload, created_at, next_attempt_at, recipient, user_id)
SELECT ?1, ?3, ?4, ?5, ?5, ?2, e.user_id
FROM email_undos AS e
WHERE e.old_email = ?2 AND e.used_at IS NULL AND e.expires_at > ?5 AND e.user_id IS NOT ?6
  AND (
    SELECT count(*) FROM outbox AS o WHERE o.recipient = ?2 AND o.created_at > ?5 - 3600000 AND o.kind = ?3
  ) < ?7
LIMIT 1
