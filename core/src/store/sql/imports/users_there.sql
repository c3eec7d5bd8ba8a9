-- Lists the accounts that share their id or their address with one of ?1, an array of objects.
SELECT id, email FROM users WHERE id IN (SELECT value ->> 'id' FROM json_each(?1))
UNION
SELECT id, email FROM users WHERE email IN (SELECT value ->> 'email' FROM json_each(?1))
