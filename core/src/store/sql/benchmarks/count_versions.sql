-- How many versions benchmark ?1 has, and whether ?2 is one of them.
SELECT count(*) AS versions, coalesce(max(version = ?2), 0) AS known FROM benchmark_versions WHERE benchmark_id = ?1
