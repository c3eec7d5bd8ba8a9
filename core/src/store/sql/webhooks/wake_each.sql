-- Makes the webhooks due, at ?2, of each person of ?1 that have something to send: not before the time that failures hold them
-- until. ?1 as in queue_of_limited.sql.
UPDATE webhooks SET due_at = max(held_until, CAST(?2 AS INTEGER))
WHERE user_id IN (SELECT n.value ->> 'userId' FROM json_each(?1) AS n) AND status = 'enabled'
  AND (due_at IS NULL OR due_at > max(held_until, ?2))
  AND EXISTS (
    SELECT 1 FROM webhook_deliveries AS d WHERE d.webhook_id = webhooks.id AND d.next_attempt_at <= ?2
  )
