-- Deletes, at ?1, deliveries that are 30 days old; ?2 at most, and returns a row for each.
DELETE FROM webhook_deliveries WHERE (webhook_id, id) IN (
  SELECT d.webhook_id, d.id FROM webhook_deliveries AS d WHERE d.created_at < ?1 - 2592000000 ORDER BY d.created_at LIMIT ?2
)
RETURNING 1
