-- Lists what webhook ?4 of person ?5 is told, newest first: ?3 rows at most, from before time ?1 and id ?2.
SELECT
  d.id, d.webhook_id, d.event, d.created_at, d.attempts, d.next_attempt_at, d.attempted_at, d.delivered_at, d.answer,
  d.failure
FROM webhooks AS w CROSS JOIN webhook_deliveries AS d ON d.webhook_id = w.id
WHERE w.id = ?4 AND w.user_id = ?5 AND (d.created_at, d.id) < (?1, ?2)
ORDER BY d.created_at DESC, d.id DESC
LIMIT ?3
