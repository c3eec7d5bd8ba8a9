-- What the webhooks of person ?1 are told, oldest first: ?2 rows at most, from after time ?3 and place ?4.
-- One id may stand in the deliveries to several webhooks.
SELECT
  d.id, d.webhook_id, d.event, d.created_at, d.attempts, d.next_attempt_at, d.attempted_at, d.delivered_at, d.answer,
  d.failure, d.created_at AS place_at, d.id || d.webhook_id AS place_id
FROM webhooks AS w CROSS JOIN webhook_deliveries AS d ON d.webhook_id = w.id
WHERE w.user_id = ?1 AND (d.created_at, d.id || d.webhook_id) > (?3, ?4)
ORDER BY d.created_at, d.id, d.webhook_id
LIMIT ?2
