-- Counts the webhooks that wait to be called, ?1 at most, and those of them whose last call failed, and tells when the
-- first was due. Those of people who are suspended wait for them.
SELECT count(*) AS waiting, coalesce(sum(d.failures > 0), 0) AS failing, min(d.due_at) AS due
FROM (
  SELECT w.failures, w.due_at
  FROM webhooks AS w INDEXED BY webhooks_due
  WHERE w.due_at IS NOT NULL
    AND w.status = 'enabled'
    AND EXISTS (SELECT 1 FROM users AS u WHERE u.id = w.user_id AND u.status = 'active')
  ORDER BY w.due_at
  LIMIT CAST(?1 AS INTEGER)
) AS d
