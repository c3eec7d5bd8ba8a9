-- Finds webhook ?1 of person ?2, at ?3.
SELECT
  w.id, w.user_id, w.url, w.description, w.events, w.status, w.disabled_reason, w.disabled_at, w.created_at, w.failing_since,
  CASE WHEN w.previous_until > ?3 THEN w.previous_until END AS previous_until
FROM webhooks AS w
WHERE w.id = ?1 AND w.user_id = ?2
