-- A page of the versions of benchmark ?1, newest first, before the moment ?2 and the name ?3, at most ?4.
SELECT * FROM benchmark_versions WHERE benchmark_id = ?1 AND (created_at, version) < (?2, ?3)
ORDER BY created_at DESC, version DESC LIMIT ?4
