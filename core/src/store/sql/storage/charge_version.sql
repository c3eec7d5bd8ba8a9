-- Charges person ?3 for version ?2 of benchmark ?1, whose definition grows to ?4 bytes.
UPDATE users SET storage_bytes = storage_bytes + ?4 - before.bytes
FROM (SELECT coalesce(sum(octet_length(definition)), 0) AS bytes FROM benchmark_definitions WHERE benchmark_id = ?1 AND version = ?2) AS before
WHERE users.id = ?3 AND ?4 > before.bytes
