-- Makes the webhooks of the owner of what moderation ?1 was done to due, at ?2, that have something to send: not before the time
-- that failures hold them until.
UPDATE webhooks SET due_at = max(held_until, CAST(?2 AS INTEGER))
WHERE id IN (SELECT n.webhook_id FROM webhook_deliveries AS n INDEXED BY webhook_deliveries_by_age WHERE n.created_at = ?2 AND n.id = ?1)
  AND status = 'enabled'
  AND (due_at IS NULL OR due_at > max(held_until, ?2))
