-- Session ?1, with its person.
SELECT
  s.id AS session_id, s.nonce, s.generation, s.rotated_at, s.last_used_at, s.expires_at, s.revoked_at, s.cookie,
  s.created_at AS started_at,
  u.id, u.email, u.password_hash, u.full_name, u.email_verified, u.role, u.status, u.mfa_enabled, u.created_at,
  u.storage_bytes, u.storage_quota_bytes, u.tell_key_expiry, u.tell_key_limits, u.tell_new_networks,
  (SELECT d.told FROM undeliverable AS d WHERE d.email = u.email) AS undeliverable
FROM sessions AS s JOIN users AS u ON u.id = s.user_id
WHERE s.id = ?1
