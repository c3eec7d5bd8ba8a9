-- Forgets answers after their day.
-- ?1 the time now; ?2 how many at most.
DELETE FROM idempotent_requests WHERE (caller, key) IN (
  SELECT r.caller, r.key FROM idempotent_requests AS r WHERE r.expires_at <= ?1 ORDER BY r.expires_at LIMIT ?2
)
RETURNING 1
