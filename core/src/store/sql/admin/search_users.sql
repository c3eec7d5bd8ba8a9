-- Lists the people whose address is at least ?5 and less than ?6, or whose name is at least ?7 and less than ?8 whatever
-- its case, and whose status is ?4 (any where null), newest first: ?3 rows at most, from before time ?1 and id ?2.
SELECT
  u.id, u.email, u.password_hash, u.full_name, u.email_verified, u.role, u.status, u.mfa_enabled, u.created_at,
  u.storage_bytes, u.storage_quota_bytes, u.tell_key_expiry, u.tell_key_limits, u.tell_new_networks,
  (SELECT d.told FROM undeliverable AS d WHERE d.email = u.email) AS undeliverable
FROM users AS u
WHERE u.id IN (
    SELECT id FROM users WHERE email >= ?5 AND email < ?6
    UNION
    SELECT id FROM users WHERE full_name >= ?7 COLLATE NOCASE AND full_name < ?8 COLLATE NOCASE
  )
  AND (?4 IS NULL OR u.status = ?4) AND (u.created_at, u.id) < (?1, ?2)
ORDER BY u.created_at DESC, u.id DESC
LIMIT ?3
