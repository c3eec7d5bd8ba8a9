-- Lets key ?1 of person ?2 end at ?3, unless it ends sooner.
UPDATE api_keys SET expires_at = min(coalesce(expires_at, ?3), ?3)
WHERE id = ?1 AND user_id = ?2 AND status = 'active'
