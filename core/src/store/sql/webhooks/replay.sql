-- Has delivery ?2 to webhook ?1 of person ?3 sent again, at ?4, under the same id, from the first attempt on, where the webhook is
-- enabled. Returns a row where it is.
UPDATE webhook_deliveries SET attempts = 0, next_attempt_at = ?4, delivered_at = NULL
WHERE webhook_id = ?1 AND id = ?2
  AND EXISTS (SELECT 1 FROM webhooks AS w WHERE w.id = ?1 AND w.user_id = ?3 AND w.status = 'enabled')
RETURNING 1
