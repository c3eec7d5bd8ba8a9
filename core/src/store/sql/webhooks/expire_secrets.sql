-- Forgets, at ?1, secrets that sign no longer; ?2 at most, and returns a row for each.
UPDATE webhooks SET previous_secret = NULL, previous_until = NULL WHERE id IN (
  SELECT w.id FROM webhooks AS w WHERE w.previous_until <= ?1 ORDER BY w.previous_until LIMIT ?2
)
RETURNING 1
