-- Guards that the person is within the quota, where the last write of the batch changed a row.
-- ?1 person, ?2 the deployment's quota in bytes, for whoever has none of their own
INSERT INTO batch_guard (expectation)
SELECT 'storage_quota'
WHERE changes() > 0
  AND EXISTS (SELECT 1 FROM users WHERE id = ?1 AND storage_bytes > coalesce(storage_quota_bytes, ?2))
