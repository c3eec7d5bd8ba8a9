-- Gives webhook ?1 of person ?2 the secret ?3, sealed; the one before signs beside it until ?4. Returns a row where there is
-- such a webhook.
UPDATE webhooks SET secret = ?3, previous_secret = secret, previous_until = ?4
WHERE id = ?1 AND user_id = ?2
RETURNING 1
