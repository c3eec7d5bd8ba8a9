-- Forgets the logs of the limits of keys.
-- ?1 an array of arrays that begin with the id of the first key that shares one.
DELETE FROM rate_limit_totals WHERE name = 'key' AND subject IN (SELECT l.value ->> 0 FROM json_each(?1) AS l)
