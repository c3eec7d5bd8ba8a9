-- Charges person ?3 for those of the results ?2 that run ?1 does not have yet; changes nothing where there are none.
UPDATE users SET storage_bytes = storage_bytes + added.bytes
FROM (SELECT sum(64 + octet_length(value ->> 1) + coalesce(octet_length(value ->> 11), 0)) AS bytes FROM json_each(?2)
  WHERE NOT EXISTS (SELECT 1 FROM results AS r WHERE r.run_id = ?1 AND r.task_id = value ->> 1 AND r.attempt = value ->> 2)) AS added
WHERE users.id = ?3 AND added.bytes > 0
