-- The webhooks of person ?1, newest first: ?2 rows at most, from before time ?3 and id ?4. ?5 now.
SELECT
  w.id, w.user_id, w.url, w.description, w.events, w.status, w.disabled_reason, w.disabled_at, w.created_at, w.failing_since,
  CASE WHEN w.previous_until > ?5 THEN w.previous_until END AS previous_until,
  w.created_at AS place_at, w.id AS place_id
FROM webhooks AS w
WHERE w.user_id = ?1 AND (w.created_at, w.id) < (?3, ?4)
ORDER BY w.created_at DESC, w.id DESC
LIMIT ?2
