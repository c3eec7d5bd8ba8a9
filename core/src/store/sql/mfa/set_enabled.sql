-- Asks person ?1 for a second factor from now (?2) on where they have one, and else not.
UPDATE users SET
  updated_at = ?2,
  mfa_enabled = EXISTS (
    SELECT 1 FROM totp_credentials AS t WHERE t.user_id = users.id AND t.confirmed_at IS NOT NULL
  )
WHERE id = ?1
