-- Revokes key ?1 of person ?2 at ?3, for the reason ?4. A second time changes nothing.
UPDATE api_keys SET status = 'revoked', revoked_at = ?3, revoked_reason = ?4
WHERE id = ?1 AND user_id = ?2 AND status = 'active'
