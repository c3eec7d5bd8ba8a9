-- Guards that the version is whole: neither a part nor a second scoring of another.
-- ?1 benchmark, ?2 version
INSERT INTO batch_guard (expectation)
SELECT 'version_whole'
FROM benchmark_versions
WHERE benchmark_id = ?1 AND version = ?2 AND NOT is_whole
