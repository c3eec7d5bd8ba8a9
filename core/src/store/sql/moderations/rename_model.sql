-- The name stands whatever the owner declares from now on.
-- ?1 id, ?2 name, ?3 time
UPDATE models SET display_name = ?2, given_name = ?2, updated_at = ?3 WHERE id = ?1 AND given_name IS NOT ?2
