-- Counts the changes to keys that person ?1 made after ?2, as expect_few_changes.sql does, and tells when the first was made.
SELECT count(*) AS changes, min(a.at) AS first_at
FROM audit_events AS a
WHERE a.user_id = ?1 AND a.at > ?2 AND a.actor_id = ?1
  AND a.event IN ('api_key_created', 'api_key_rotated', 'api_key_changed')
