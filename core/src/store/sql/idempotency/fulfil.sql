-- Answers claim ?3 on key ?2 of caller ?1 with status ?4 and the sealed body ?5.
UPDATE idempotent_requests SET status = ?4, answer = ?5
WHERE caller = ?1 AND key = ?2 AND claim = ?3 AND status IS NULL
