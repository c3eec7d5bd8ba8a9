-- Keeps the first key ?1 and the length of its window ?2; its use was saved at ?3.
INSERT INTO about (one, key_id, window, saved_at, changing_until) VALUES (1, ?1, ?2, ?3, 0)
ON CONFLICT DO UPDATE SET key_id = excluded.key_id, window = excluded.window
