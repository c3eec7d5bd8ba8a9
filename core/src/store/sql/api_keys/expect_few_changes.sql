-- Guard `api_key_changes`: person ?1 made fewer than ?3 changes to keys after ?2, by the events that tell of them.
INSERT INTO batch_guard (expectation)
SELECT 'api_key_changes'
WHERE (
  SELECT count(*)
  FROM audit_events AS a
  WHERE a.user_id = ?1 AND a.at > ?2 AND a.actor_id = ?1
    AND a.event IN ('api_key_created', 'api_key_rotated', 'api_key_changed')
) >= ?3
