-- Takes back from person ?3 what version ?2 of benchmark ?1 no longer needs, whose definition shrinks to ?4 bytes.
UPDATE users SET storage_bytes = storage_bytes + ?4 - before.bytes
FROM (SELECT coalesce(sum(octet_length(definition)), 0) AS bytes FROM benchmark_definitions WHERE benchmark_id = ?1 AND version = ?2) AS before
WHERE users.id = ?3 AND ?4 < before.bytes
