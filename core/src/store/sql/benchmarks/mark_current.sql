-- Makes a version the one that is read where none is named.
-- ?1 benchmark, ?2 version
UPDATE benchmarks SET current_version = ?2 WHERE id = ?1 AND current_version IS NOT ?2
