-- Notes of the webhooks that queue_log.sql has just queued the ids of the array ?1 for, at ?4, that they are told up to the line
-- (?2, ?3), and makes them due.
UPDATE webhooks SET
  log_seq = ?2, log_act = ?3, log_waits = 1,
  due_at = min(coalesce(due_at, 9007199254740991), max(held_until, CAST(?4 AS INTEGER)))
WHERE follows_log = 1 AND log_waits = 0 AND status = 'enabled' AND (log_seq, log_act) < (?2, ?3)
  AND EXISTS (
    SELECT 1 FROM webhook_deliveries AS d
    WHERE d.webhook_id = webhooks.id AND d.id IN (SELECT i.value FROM json_each(?1) AS i)
  )
