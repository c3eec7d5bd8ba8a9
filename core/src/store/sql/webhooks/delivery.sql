-- Finds delivery ?2 to webhook ?1 of person ?3.
SELECT
  d.id, d.webhook_id, d.event, d.created_at, d.attempts, d.next_attempt_at, d.attempted_at, d.delivered_at, d.answer,
  d.failure
FROM webhooks AS w CROSS JOIN webhook_deliveries AS d ON d.webhook_id = w.id
WHERE w.id = ?1 AND w.user_id = ?3 AND d.id = ?2
