-- Guard: session ?1 of person ?2 lives at ?3 (`session_live`), and the person is not suspended (`account_active`).
-- An unused session lives ?4 ms. The row is there in any case; `HAVING` without groups is none of libSQL's.
INSERT INTO batch_guard (expectation)
SELECT CASE coalesce(f.status, '') WHEN 'suspended' THEN 'account_active' ELSE 'session_live' END
FROM (
  SELECT max(u.status) AS status
  FROM sessions AS s JOIN users AS u ON u.id = s.user_id
  WHERE s.id = ?1 AND s.user_id = ?2 AND s.revoked_at IS NULL AND s.expires_at > ?3 AND s.last_used_at > ?3 - ?4
) AS f
WHERE coalesce(f.status, '') <> 'active'
