-- Guard: what the statement before it charged is within the quota of person ?1; ?2 is the deployment's.
INSERT INTO storage_guard (exceeded) SELECT 1 WHERE changes() > 0
  AND EXISTS (SELECT 1 FROM users WHERE id = ?1 AND storage_bytes > coalesce(storage_quota_bytes, ?2))
