-- Makes the webhooks due, at ?2, of the owners of the keys of ?1 that have something to send: not before the time that failures
-- hold them until. ?1 as in queue_of_keys.sql.
UPDATE webhooks SET due_at = max(held_until, CAST(?2 AS INTEGER))
WHERE user_id IN (
    SELECT k.user_id FROM json_each(?1) AS n CROSS JOIN api_keys AS k ON k.id = n.value ->> 'keyId'
  )
  AND status = 'enabled'
  AND (due_at IS NULL OR due_at > max(held_until, ?2))
  AND EXISTS (
    SELECT 1 FROM webhook_deliveries AS d WHERE d.webhook_id = webhooks.id AND d.next_attempt_at <= ?2
  )
