-- Finds the second factor of person ?1, confirmed or not, and tells whether the recovery code with the hash ?2 is one of
-- theirs.
SELECT
  t.id AS totp_id, t.secret AS totp_secret, t.last_step AS totp_last_step, t.confirmed_at AS totp_confirmed_at,
  EXISTS (
    SELECT 1 FROM recovery_codes AS r WHERE r.user_id = u.id AND r.hash = ?2 AND r.used_at IS NULL
  ) AS recovery_code_matches
FROM users AS u LEFT JOIN totp_credentials AS t ON t.user_id = u.id
WHERE u.id = ?1
