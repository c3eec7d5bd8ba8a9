-- Gives person ?1 the quota ?2; null gives them the deployment's.
UPDATE users SET storage_quota_bytes = ?2 WHERE id = ?1
