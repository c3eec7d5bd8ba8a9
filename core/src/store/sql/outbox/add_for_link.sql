-- Queues mail ?1 for the person of the mailed link with hash ?2. ?3 is its kind, ?4 its payload, ?5 the time.
INSERT INTO outbox (id, kind, payload, created_at, next_attempt_at, recipient, user_id)
SELECT ?1, ?3, ?4, ?5, ?5, u.email, u.id
FROM one_time_tokens AS t JOIN users AS u ON u.id = t.user_id
WHERE t.hash = ?2
