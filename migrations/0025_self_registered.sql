-- Accounts that somebody registered here end where nobody proves their address; those of another system, which were
-- imported, stay. Clean-up walks the former alone.
ALTER TABLE users ADD COLUMN self_registered INTEGER NOT NULL DEFAULT 0 CHECK (self_registered IN (0, 1));
UPDATE users SET self_registered = 1
WHERE email_verified = 0
  AND EXISTS (SELECT 1 FROM audit_events AS a WHERE a.user_id = users.id AND +a.event = 'account_registered');
DROP INDEX users_unproved;
CREATE INDEX users_unproved ON users (created_at, id) WHERE email_verified = 0 AND self_registered = 1;
