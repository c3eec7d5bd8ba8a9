-- Gives up claim ?3 on key ?2 of caller ?1, unless it was answered.
DELETE FROM idempotent_requests WHERE caller = ?1 AND key = ?2 AND claim = ?3 AND status IS NULL
