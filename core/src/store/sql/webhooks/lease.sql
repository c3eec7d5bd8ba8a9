-- Leases webhooks that are due at ?1, ?2 of them at most, to ?3 until ?4. Those of people who are suspended wait.
UPDATE webhooks SET lease = ?3, lease_until = ?4
WHERE id IN (
  SELECT w.id
  FROM webhooks AS w INDEXED BY webhooks_due
  WHERE w.due_at <= ?1 AND w.status = 'enabled' AND (w.lease_until IS NULL OR w.lease_until <= ?1)
    AND EXISTS (SELECT 1 FROM users AS u WHERE u.id = w.user_id AND u.status = 'active')
  ORDER BY w.due_at
  LIMIT CAST(?2 AS INTEGER)
)
