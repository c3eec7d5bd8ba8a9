-- Forgets, at ?1, what stands for nothing any more; ?2 at most, and returns a row for each.
DELETE FROM undeliverable_addresses WHERE email IN (
  SELECT a.email FROM undeliverable_addresses AS a WHERE a.expires_at < ?1 ORDER BY a.expires_at LIMIT ?2
)
RETURNING 1
