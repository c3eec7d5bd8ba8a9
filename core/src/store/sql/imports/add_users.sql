-- Adds the accounts of ?1 that are new by id and by address. One that is there stays as it is.
-- ?1 an array of objects with the members id, email, passwordHash, fullName, emailVerified and createdAt. What is not known
-- of an account is as old as the account.
INSERT INTO users (
  id, email, password_hash, full_name, email_verified, created_at, updated_at, password_changed_at
)
SELECT
  value ->> 'id', value ->> 'email', value ->> 'passwordHash', value ->> 'fullName', value ->> 'emailVerified',
  value ->> 'createdAt', value ->> 'createdAt', value ->> 'createdAt'
FROM json_each(?1)
WHERE true
ON CONFLICT DO NOTHING
