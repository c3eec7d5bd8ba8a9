-- Moves session ?1 on from generation ?2, at ?3, where that is the current one, the session lives, it was used within the
-- last ?4 ms, and its person is not suspended.
UPDATE sessions SET generation = generation + 1, rotated_at = ?3, last_used_at = ?3
WHERE id = ?1 AND generation = ?2 AND revoked_at IS NULL AND expires_at > ?3 AND last_used_at > ?3 - ?4
  AND EXISTS (SELECT 1 FROM users WHERE users.id = sessions.user_id AND users.status = 'active')
