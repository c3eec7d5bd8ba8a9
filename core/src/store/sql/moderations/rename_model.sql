-- Gives model ?1 the name ?2 at ?3, which stands whatever its owner declares from now on.
UPDATE models SET display_name = ?2, given_name = ?2, updated_at = ?3 WHERE id = ?1 AND given_name IS NOT ?2
