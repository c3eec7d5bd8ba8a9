-- Ends every session of the person of the mailed link ?1, at ?2, for the reason ?3.
UPDATE sessions SET revoked_at = ?2, revoked_reason = ?3
WHERE user_id = (SELECT user_id FROM one_time_tokens WHERE hash = ?1) AND revoked_at IS NULL
