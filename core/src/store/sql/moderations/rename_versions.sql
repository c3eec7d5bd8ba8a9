-- Gives the versions of benchmark ?1 the title ?2.
UPDATE benchmark_versions SET title = ?2 WHERE benchmark_id = ?1 AND title <> ?2
