-- Has what waits for webhook ?1 of person ?2 sent at ?3, where it was called at another address than ?4, or, if ?5 is 1, is disabled.
UPDATE webhook_deliveries SET next_attempt_at = ?3
WHERE webhook_id = ?1
  AND next_attempt_at > ?3
  AND EXISTS (
    SELECT 1
    FROM webhooks AS w
    WHERE w.id = ?1 AND w.user_id = ?2 AND (w.url <> ?4 OR (?5 = 1 AND w.status = 'disabled'))
  )
