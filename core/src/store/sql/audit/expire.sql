-- Deletes, at ?1, events that are a year old; ?2 at most, and returns a row for each.
DELETE FROM audit_events WHERE id IN (
  SELECT e.id FROM audit_events AS e WHERE e.at < ?1 - 31536000000 ORDER BY e.at LIMIT ?2
)
RETURNING 1
