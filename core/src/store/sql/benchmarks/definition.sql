-- What version ?2 of benchmark ?1 says, in canonical JSON.
SELECT definition FROM benchmark_definitions WHERE benchmark_id = ?1 AND version = ?2
