-- The title stands whatever the owner declares from now on.
-- ?1 id, ?2 title
UPDATE benchmarks SET given_title = ?2 WHERE id = ?1 AND given_title IS NOT ?2
