-- Lists a benchmark's versions, newest first.
-- ?1 benchmark, ?2 and ?3 time and name of the version that the page before ended with, ?4 rows
SELECT *
FROM benchmark_versions
WHERE benchmark_id = ?1 AND (created_at, version) < (?2, ?3)
ORDER BY created_at DESC, version DESC
LIMIT ?4
