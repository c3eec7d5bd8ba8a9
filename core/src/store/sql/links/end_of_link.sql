-- Ends, at ?2, every link of the person of the link ?1, and forgets what waits with them.
UPDATE one_time_tokens SET used_at = coalesce(used_at, ?2), password_hash = NULL, full_name = NULL
WHERE user_id = (SELECT user_id FROM one_time_tokens WHERE hash = ?1)
