-- Guards that no run and no seal stands on the version and no other version leans on it, or that it says the same already.
-- ?1 benchmark, ?2 version, ?3 definition, in canonical JSON
INSERT INTO batch_guard (expectation)
SELECT 'version_replaceable'
WHERE (
  EXISTS (SELECT 1 FROM runs WHERE benchmark_id = ?1 AND version = ?2)
  OR EXISTS (SELECT 1 FROM seals WHERE benchmark_id = ?1 AND version = ?2)
  OR EXISTS (
    SELECT 1
    FROM benchmark_versions
    WHERE benchmark_id = ?1 AND version <> ?2 AND (part_of = ?2 OR other_scoring_of = ?2)
  )
)
  AND NOT EXISTS (
    SELECT 1 FROM benchmark_definitions WHERE benchmark_id = ?1 AND version = ?2 AND definition = ?3
  )
