-- Finds the person with the address ?1, and tells whether they have logged in from the network ?2 before.
SELECT
  u.id, u.email, u.password_hash, u.full_name, u.email_verified, u.role, u.status, u.mfa_enabled, u.created_at,
  u.storage_bytes, u.storage_quota_bytes, u.tell_key_expiry, u.tell_key_limits, u.tell_new_networks,
  (SELECT d.told FROM undeliverable AS d WHERE d.email = u.email) AS undeliverable,
  EXISTS (SELECT 1 FROM known_networks AS k WHERE k.user_id = u.id AND k.network = ?2) AS network_known
FROM users AS u
WHERE u.email = ?1
