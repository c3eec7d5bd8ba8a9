-- Guards that the version which another is a part or a second scoring of is there and whole, where one is named.
-- ?1 benchmark, ?2 version, ?3 the version that it names
INSERT INTO batch_guard (expectation)
SELECT 'base_whole'
WHERE ?3 IS NOT NULL
  AND NOT EXISTS (
    SELECT 1
    FROM benchmark_versions
    WHERE benchmark_id = ?1
      AND version = ?3
      AND version <> ?2
      AND is_whole
  )
