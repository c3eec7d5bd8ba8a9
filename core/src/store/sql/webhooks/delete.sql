-- Deletes webhook ?1 of person ?2, with everything that it was to be told. Returns a row where it was there.
DELETE FROM webhooks WHERE id = ?1 AND user_id = ?2
RETURNING 1
