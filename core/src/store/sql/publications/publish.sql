-- Publishes an open run.
-- ?1 run, ?2 now
UPDATE runs SET status = 'published', published_at = ?2 WHERE id = ?1 AND status = 'open'
