-- Lists the webhooks of person ?4, newest first: ?3 rows at most, from before time ?1 and id ?2. ?5 now.
SELECT
  w.id, w.user_id, w.url, w.description, w.events, w.status, w.disabled_reason, w.disabled_at, w.created_at, w.failing_since,
  CASE WHEN w.previous_until > ?5 THEN w.previous_until END AS previous_until
FROM webhooks AS w
WHERE w.user_id = ?4 AND (w.created_at, w.id) < (?1, ?2)
ORDER BY w.created_at DESC, w.id DESC
LIMIT ?3
