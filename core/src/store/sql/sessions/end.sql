-- Ends session ?1, at ?2, for the reason ?3, and tells whether its refresh token rides in a cookie.
UPDATE sessions SET revoked_at = ?2, revoked_reason = ?3 WHERE id = ?1 AND revoked_at IS NULL RETURNING cookie
