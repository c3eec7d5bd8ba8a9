-- Ends session ?1, at ?3, of which the refresh token of generation ?2 came again: somebody else holds one. The token before
-- the current one may come again for ?4 ms. Gives a row where it did.
UPDATE sessions SET revoked_at = ?3, revoked_reason = 'refresh_token_reused'
WHERE id = ?1 AND revoked_at IS NULL AND expires_at > ?3
  AND (generation > ?2 + 1 OR (generation = ?2 + 1 AND rotated_at < ?3 - ?4))
RETURNING id
