-- Gives webhook ?1 of person ?2 the secret ?3, sealed; the one before signs beside it until ?4. Returns a row where there is
-- such a webhook, and answers tell the same of it as when to_rotate.sql read it: ?5.
UPDATE webhooks SET secret = ?3, previous_secret = secret, previous_until = ?4
WHERE id = ?1 AND user_id = ?2
  AND json_array(url, description, events, status, disabled_reason, disabled_at, failing_since) = ?5
RETURNING 1
