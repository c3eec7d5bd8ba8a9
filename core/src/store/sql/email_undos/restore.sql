-- Moves the account of the link ?1 back, at ?2. It has no password until its owner resets it: whoever moved it knows the
-- present one.
UPDATE users SET
  email = e.old_email,
  email_verified = 1,
  password_hash = NULL,
  password_changed_at = ?2,
  updated_at = ?2,
  mfa_enabled = EXISTS (SELECT 1 FROM totp_credentials AS t WHERE t.user_id = users.id AND t.confirmed_at IS NOT NULL)
FROM email_undos AS e
WHERE e.hash = ?1 AND users.id = e.user_id
