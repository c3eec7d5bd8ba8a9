-- Deletes, at ?1, deliveries that are 30 days old; ?2 at most, and returns a row for each. What of the public log still waits
-- stays, since its webhook's place is behind it; that is one delivery a webhook, besides those that are sent again.
DELETE FROM webhook_deliveries WHERE (webhook_id, id) IN (
  SELECT d.webhook_id, d.id
  FROM webhook_deliveries AS d
  WHERE d.created_at < ?1 - 2592000000 AND NOT (d.event = 'log.changed' AND d.next_attempt_at IS NOT NULL)
  ORDER BY d.created_at
  LIMIT ?2
)
RETURNING 1
