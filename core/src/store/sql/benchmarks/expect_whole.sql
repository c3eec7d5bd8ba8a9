-- Guards that the version is neither a part nor a second scoring of another.
-- ?1 benchmark, ?2 version
INSERT INTO batch_guard (expectation)
SELECT 'version_whole'
FROM benchmark_versions
WHERE benchmark_id = ?1 AND version = ?2 AND (part_of IS NOT NULL OR other_scoring_of IS NOT NULL)
