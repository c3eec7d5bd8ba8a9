-- Deletes, at ?1, mails that are 30 days old; ?2 at most, and returns a row for each.
DELETE FROM outbox WHERE id IN (
  SELECT o.id FROM outbox AS o WHERE o.created_at < ?1 - 2592000000 ORDER BY o.created_at LIMIT ?2
)
RETURNING 1
