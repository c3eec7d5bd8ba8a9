-- Gives person ?1 the name ?2 (none where null) at ?3, where they have another one.
UPDATE users SET full_name = ?2, updated_at = ?3 WHERE id = ?1 AND full_name IS NOT ?2
