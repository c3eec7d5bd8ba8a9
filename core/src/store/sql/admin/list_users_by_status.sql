-- Lists the people whose status is ?4, newest first: ?3 rows at most, from before time ?1 and id ?2.
SELECT
  u.id, u.email, u.password_hash, u.full_name, u.email_verified, u.role, u.status, u.mfa_enabled, u.created_at,
  u.storage_bytes, u.storage_quota_bytes, u.tell_key_expiry, u.tell_key_limits, u.tell_new_networks,
  (SELECT d.told FROM undeliverable AS d WHERE d.email = u.email) AS undeliverable
FROM users AS u
WHERE u.status = ?4 AND (u.created_at, u.id) < (?1, ?2)
ORDER BY u.created_at DESC, u.id DESC
LIMIT ?3
