-- Makes webhook ?1 of person ?2 due, at ?3, whatever failures hold it: its owner asked.
UPDATE webhooks SET due_at = ?3 WHERE id = ?1 AND user_id = ?2 AND status = 'enabled'
