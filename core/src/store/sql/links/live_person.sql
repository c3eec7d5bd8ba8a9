-- Finds the person of the link ?1, where its purpose is ?2, it still works at ?3, and the person is not suspended.
SELECT
  u.id, u.email, u.password_hash, u.full_name, u.email_verified, u.role, u.status, u.mfa_enabled, u.created_at,
  u.storage_bytes, u.storage_quota_bytes, u.tell_key_expiry, u.tell_key_limits, u.tell_new_networks,
  (SELECT d.told FROM undeliverable AS d WHERE d.email = u.email) AS undeliverable
FROM one_time_tokens AS t JOIN users AS u ON u.id = t.user_id
WHERE t.hash = ?1 AND t.purpose = ?2 AND t.used_at IS NULL AND t.expires_at > ?3 AND u.status = 'active'
