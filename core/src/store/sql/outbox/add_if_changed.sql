-- Queues mail ?1 for the address ?2, where the statement before this one changed a row and the address got fewer than ?7
-- of the kind within the hour. ?3 is its kind, ?4 its payload, ?5 the time, ?6 the person with whose account it goes: where
-- null, whoever has the address.
INSERT INTO outbox (id, kind, payload, created_at, next_attempt_at, recipient, user_id)
SELECT ?1, ?3, ?4, ?5, ?5, ?2, coalesce(?6, (SELECT id FROM users WHERE email = ?2))
WHERE changes() > 0
  AND (
    SELECT count(*) FROM outbox AS o WHERE o.recipient = ?2 AND o.created_at > ?5 - 3600000 AND o.kind = ?3
  ) < ?7
