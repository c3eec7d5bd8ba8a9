-- Reads what is known of the keys.
SELECT key_id, window, saved_at, changing_until FROM about
