-- What person ?1 has stored, and their own quota where an administrator set one.
SELECT storage_bytes, storage_quota_bytes FROM users WHERE id = ?1
