-- Forgets, at ?1, networks that nobody came from for 90 days; ?2 at most.
DELETE FROM known_networks WHERE (user_id, network) IN (
  SELECT n.user_id, n.network FROM known_networks AS n
  WHERE n.last_seen_at < ?1 - 7776000000 ORDER BY n.last_seen_at LIMIT ?2
)
RETURNING 1
