-- Finds accounts that are charged for less than they store. They may be charged for more: seals are counted by their requests,
-- which nobody keeps.
-- ?1 rows, ?2 what they store in packs: a JSON array of arrays, each of an account and how many bytes
SELECT 'account ' || u.id || ' is charged for ' || u.storage_bytes || ' bytes, and stores more' AS problem
FROM users AS u
WHERE u.storage_bytes < coalesce(
    (
      SELECT sum(octet_length(d.definition))
      FROM benchmarks AS b
        JOIN benchmark_definitions AS d ON d.benchmark_id = b.id
      WHERE b.owner_id = u.id
    ),
    0
  )
  + coalesce(
    (
      SELECT sum(64 + octet_length(x.task_id) + coalesce(octet_length(x.parts), 0))
      FROM runs AS r
        JOIN results AS x ON x.run_id = r.id
      WHERE r.owner_id = u.id
    ),
    0
  )
  + coalesce((SELECT value ->> 1 FROM json_each(?2) WHERE value ->> 0 = u.id), 0)
ORDER BY u.id
LIMIT CAST(?1 AS INTEGER)
