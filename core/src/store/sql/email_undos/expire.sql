-- Forgets, at ?1, changes of address that cannot be undone any more; ?2 at most.
DELETE FROM email_undos WHERE hash IN (
  SELECT e.hash FROM email_undos AS e WHERE e.expires_at < ?1 ORDER BY e.expires_at LIMIT ?2
)
RETURNING 1
