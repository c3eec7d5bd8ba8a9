-- Queues mail ?1 for the address ?2, unless that is undeliverable. ?3 is its kind, ?4 its payload, ?5 the time.
INSERT INTO outbox (id, kind, payload, created_at, next_attempt_at, recipient)
SELECT ?1, ?3, ?4, ?5, ?5, ?2
WHERE NOT EXISTS (SELECT 1 FROM undeliverable AS d WHERE d.email = ?2)
