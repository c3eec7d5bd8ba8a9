-- Ends the sessions of person ?1, at ?2, for the reason ?3, but session ?4; all of them where ?4 is null.
UPDATE sessions SET revoked_at = ?2, revoked_reason = ?3
WHERE user_id = ?1 AND revoked_at IS NULL AND id IS NOT ?4
