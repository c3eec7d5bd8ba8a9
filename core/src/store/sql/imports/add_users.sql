-- Adds the imported accounts that are new by id and by address. One that is there stays as it is; what is not known
-- of a new one is as old as the account.
-- ?1 imported accounts, as a JSON array of objects
INSERT INTO users (
  id, email, password_hash, full_name, email_verified, created_at, updated_at, password_changed_at
)
SELECT
  value ->> 'id', value ->> 'email', value ->> 'passwordHash', value ->> 'fullName',
  value ->> 'emailVerified', value ->> 'createdAt', value ->> 'createdAt', value ->> 'createdAt'
FROM json_each(?1)
WHERE true
ON CONFLICT DO NOTHING
