-- Forgets what has left its window.
-- ?1 the time now; ?2 how many at most.
DELETE FROM rate_limit_totals WHERE (subject, name, at) IN (
  SELECT t.subject, t.name, t.at FROM rate_limit_totals AS t WHERE t.expires_at <= ?1 ORDER BY t.expires_at LIMIT ?2
)
RETURNING 1
