-- Ends session ?1 of person ?2, where it lives at ?3, for the reason ?4. An unused session lives ?5 ms.
UPDATE sessions SET revoked_at = ?3, revoked_reason = ?4
WHERE id = ?1 AND user_id = ?2 AND revoked_at IS NULL AND expires_at > ?3 AND last_used_at > ?3 - ?5
