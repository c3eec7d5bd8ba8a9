-- Finds the challenge ?1 with its person and their second factor. Tells whether it may still be answered at ?2, whether
-- the person has logged in from the network ?3 before, and whether the recovery code with the hash ?4 is one of theirs.
SELECT
  c.cookie,
  c.attempts < 5 AND c.used_at IS NULL AND c.expires_at > ?2 AND u.status = 'active'
    AND u.mfa_enabled = 1 AND u.password_hash IS c.password_hash AS live,
  EXISTS (SELECT 1 FROM known_networks AS k WHERE k.user_id = u.id AND k.network = ?3) AS network_known,
  u.id, u.email, u.password_hash, u.full_name, u.email_verified, u.role, u.status, u.mfa_enabled, u.created_at,
  u.storage_bytes, u.storage_quota_bytes, u.tell_key_expiry, u.tell_key_limits, u.tell_new_networks,
  (SELECT d.told FROM undeliverable AS d WHERE d.email = u.email) AS undeliverable,
  t.id AS totp_id, t.secret AS totp_secret, t.last_step AS totp_last_step, t.confirmed_at AS totp_confirmed_at,
  EXISTS (
    SELECT 1 FROM recovery_codes AS r WHERE r.user_id = u.id AND r.hash = ?4 AND r.used_at IS NULL
  ) AS recovery_code_matches
FROM mfa_challenges AS c JOIN users AS u ON u.id = c.user_id
LEFT JOIN totp_credentials AS t ON t.user_id = u.id
WHERE c.hash = ?1
