-- Keeps when the use was saved last.
UPDATE about SET saved_at = ?1
