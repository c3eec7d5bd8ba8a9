-- Makes the webhooks of the owner of run ?1 due, at ?2, that have something to send: not before the time that failures hold
-- them until.
UPDATE webhooks SET due_at = max(held_until, CAST(?2 AS INTEGER))
WHERE user_id = (SELECT r.owner_id FROM runs AS r WHERE r.id = ?1) AND status = 'enabled'
  AND (due_at IS NULL OR due_at > max(held_until, ?2))
  AND EXISTS (
    SELECT 1 FROM webhook_deliveries AS d WHERE d.webhook_id = webhooks.id AND d.next_attempt_at <= ?2
  )
