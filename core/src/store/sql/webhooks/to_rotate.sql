-- Finds webhook ?1 of person ?2, at ?3, and what answers tell of it that may change, for rotate.sql to compare.
SELECT
  w.id, w.user_id, w.url, w.description, w.events, w.status, w.disabled_reason, w.disabled_at, w.created_at, w.failing_since,
  CASE WHEN w.previous_until > ?3 THEN w.previous_until END AS previous_until,
  json_array(w.url, w.description, w.events, w.status, w.disabled_reason, w.disabled_at, w.failing_since) AS told
FROM webhooks AS w
WHERE w.id = ?1 AND w.user_id = ?2
