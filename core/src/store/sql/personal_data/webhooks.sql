-- The webhooks of person ?1, newest first: ?2 rows at most, after the first ?3. ?4 now.
SELECT
  w.id, w.user_id, w.url, w.description, w.events, w.status, w.disabled_reason, w.disabled_at, w.created_at, w.failing_since,
  CASE WHEN w.previous_until > ?4 THEN w.previous_until END AS previous_until
FROM webhooks AS w
WHERE w.user_id = ?1
ORDER BY w.created_at DESC, w.id DESC
LIMIT ?2 OFFSET ?3
