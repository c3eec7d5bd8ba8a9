-- ?1 benchmark, ?2 title
UPDATE benchmark_versions SET title = ?2 WHERE benchmark_id = ?1 AND title <> ?2
