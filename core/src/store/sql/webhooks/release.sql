-- Gives back the webhooks that are leased to ?1 and had nothing to send at ?2, and notes when they have.
-- ?3 as in begin.sql
UPDATE webhooks SET
  lease = NULL, lease_until = NULL,
  log_waits = CASE
    WHEN EXISTS (
      SELECT 1 FROM webhook_deliveries AS l
      WHERE l.webhook_id = webhooks.id AND l.next_attempt_at IS NOT NULL AND l.event = 'log.changed'
    ) THEN 1
    ELSE 0
  END,
  due_at = (
    SELECT max(min(d.next_attempt_at), webhooks.held_until, CAST(?2 AS INTEGER))
    FROM webhook_deliveries AS d
    WHERE d.webhook_id = webhooks.id AND d.next_attempt_at IS NOT NULL
  )
WHERE lease = ?1
  AND NOT EXISTS (
    SELECT 1 FROM webhook_deliveries AS b
    WHERE b.webhook_id = webhooks.id AND b.next_attempt_at = ?3 AND b.attempted_at = ?2
  )
