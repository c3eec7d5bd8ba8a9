-- Disables webhook ?1 of person ?2, at ?3, at its owner's word. What waits goes on waiting.
UPDATE webhooks SET status = 'disabled', disabled_reason = 'owner', disabled_at = ?3, due_at = NULL
WHERE id = ?1 AND user_id = ?2 AND status = 'enabled'
