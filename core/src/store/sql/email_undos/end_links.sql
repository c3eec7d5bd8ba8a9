-- Kills every other link of the person of ?1, at ?2.
UPDATE one_time_tokens SET used_at = coalesce(used_at, ?2), password_hash = NULL, full_name = NULL
WHERE user_id = (SELECT user_id FROM email_undos WHERE hash = ?1)
