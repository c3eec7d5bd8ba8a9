-- Keeps that the keys may change until ?4, with first key ?1, window ?2 and last save ?3 where nothing is known yet.
INSERT INTO about (one, key_id, window, saved_at, changing_until) VALUES (1, ?1, ?2, ?3, ?4)
ON CONFLICT DO UPDATE SET changing_until = excluded.changing_until
