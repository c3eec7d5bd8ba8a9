-- Forgets, at ?1, sessions a week after their end; ?2 at most.
DELETE FROM sessions WHERE id IN (
  SELECT s.id FROM sessions AS s WHERE s.expires_at < ?1 - 604800000 ORDER BY s.expires_at LIMIT ?2
)
RETURNING 1
