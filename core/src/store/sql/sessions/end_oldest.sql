-- Ends, at ?2, the sessions of person ?1 but the newest ?3: there are too many.
UPDATE sessions SET revoked_at = ?2, revoked_reason = 'too_many'
WHERE id IN (
  SELECT id FROM sessions WHERE user_id = ?1 AND revoked_at IS NULL
  ORDER BY created_at DESC, id DESC LIMIT -1 OFFSET ?3
)
