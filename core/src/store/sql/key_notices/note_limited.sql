-- Notes of each person of ?1 that they were told of a limit at ?2, where they were not within ?3 ms before.
-- ?1 as in queue_limited.sql.
UPDATE users SET told_of_limit_at = ?2
WHERE id IN (SELECT value ->> 'userId' FROM json_each(?1))
  AND (told_of_limit_at IS NULL OR told_of_limit_at <= ?2 - ?3)
