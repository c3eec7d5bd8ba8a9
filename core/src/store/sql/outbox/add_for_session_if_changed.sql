-- Queues mail ?1 for the person of session ?2, where the statement before this one changed a row. ?3 is its kind, ?4 its
-- payload, ?5 the time.
INSERT INTO outbox (id, kind, payload, created_at, next_attempt_at, recipient, user_id)
SELECT ?1, ?3, ?4, ?5, ?5, u.email, u.id
FROM sessions AS s JOIN users AS u ON u.id = s.user_id
WHERE s.id = ?2 AND changes() > 0
