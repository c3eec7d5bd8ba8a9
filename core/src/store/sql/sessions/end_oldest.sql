-- Ends, at ?2, the sessions of person ?1 that live but the newest ?3: there are too many. An unused session lives ?4 ms.
UPDATE sessions SET revoked_at = ?2, revoked_reason = 'too_many'
WHERE id IN (
  SELECT id FROM sessions
  WHERE user_id = ?1 AND revoked_at IS NULL AND expires_at > ?2 AND last_used_at > ?2 - ?4
  ORDER BY created_at DESC, id DESC LIMIT -1 OFFSET ?3
)
