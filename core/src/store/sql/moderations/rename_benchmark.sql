-- Gives benchmark ?1 the title ?2, which stands whatever its owner declares from now on.
UPDATE benchmarks SET given_title = ?2 WHERE id = ?1 AND given_title IS NOT ?2
