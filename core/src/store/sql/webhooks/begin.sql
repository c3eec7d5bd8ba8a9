-- Begins the next delivery of each webhook that is leased to ?1, at ?2, the longest due first. Whoever dies now has it tried
-- again at ?3. Tells of each what is to be sent, where, and what it is signed with.
UPDATE webhook_deliveries SET attempts = attempts + 1, attempted_at = ?2, next_attempt_at = ?3
WHERE (webhook_id, id) IN (
  SELECT
    w.id,
    (
      SELECT d.id
      FROM webhook_deliveries AS d
      WHERE d.webhook_id = w.id AND d.next_attempt_at <= ?2
      ORDER BY d.next_attempt_at, d.id
      LIMIT 1
    )
  FROM webhooks AS w
  WHERE w.lease = ?1
)
RETURNING
  webhook_id, id, event, data, from_seq, from_act, to_seq, to_act, created_at, attempts,
  (SELECT o.url FROM webhooks AS o WHERE o.id = webhook_id) AS url,
  (SELECT o.secret FROM webhooks AS o WHERE o.id = webhook_id) AS secret,
  (SELECT o.previous_secret FROM webhooks AS o WHERE o.id = webhook_id AND o.previous_until > ?2) AS previous_secret
