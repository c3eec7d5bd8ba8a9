-- What the webhooks of person ?1 are told: ?2 rows at most, after the first ?3.
SELECT
  d.id, d.webhook_id, d.event, d.created_at, d.attempts, d.next_attempt_at, d.attempted_at, d.delivered_at, d.answer,
  d.failure
FROM webhooks AS w CROSS JOIN webhook_deliveries AS d ON d.webhook_id = w.id
WHERE w.user_id = ?1
ORDER BY d.webhook_id, d.id
LIMIT ?2 OFFSET ?3
