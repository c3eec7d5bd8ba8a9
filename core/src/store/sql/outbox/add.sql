-- Queues mail ?1 for the address ?2, whoever has it. ?3 is its kind, ?4 its payload, ?5 the time, ?6 the person with whose
-- account it goes.
INSERT INTO outbox (id, kind, payload, created_at, next_attempt_at, recipient, user_id)
VALUES (?1, ?3, ?4, ?5, ?5, ?2, ?6)
