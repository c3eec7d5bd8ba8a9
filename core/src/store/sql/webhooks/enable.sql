-- Enables webhook ?1 of person ?2 again, at ?3: as if nothing had failed.
UPDATE webhooks SET
  status = 'enabled', disabled_reason = NULL, disabled_at = NULL,
  held_until = 0, failures = 0, failing_since = NULL,
  log_waits = CASE
    WHEN EXISTS (
      SELECT 1 FROM webhook_deliveries AS l
      WHERE l.webhook_id = webhooks.id AND l.next_attempt_at IS NOT NULL AND l.event = 'log.changed'
    ) THEN 1
    ELSE 0
  END,
  due_at = (
    SELECT max(min(d.next_attempt_at), CAST(?3 AS INTEGER))
    FROM webhook_deliveries AS d
    WHERE d.webhook_id = webhooks.id AND d.next_attempt_at IS NOT NULL
  )
WHERE id = ?1 AND user_id = ?2 AND status = 'disabled'
