-- Finds whether there may be something to send at ?1: a webhook is due, or is told of the public log and waits for no delivery
-- about it.
SELECT
  EXISTS (SELECT 1 FROM webhooks AS d INDEXED BY webhooks_due WHERE d.due_at <= ?1 AND d.status = 'enabled')
  OR EXISTS (
    SELECT 1 FROM webhooks AS f INDEXED BY webhooks_behind
    WHERE f.follows_log = 1 AND f.log_waits = 0 AND f.status = 'enabled' AND f.log_seq >= 0
  ) AS has_work
