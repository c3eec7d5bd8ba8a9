-- Finds accounts that ask for a second factor and have none, or have one and do not ask for it.
-- ?1 rows
SELECT 'account ' || u.id || ' asks for a second factor and has none, or has one and does not ask' AS problem
FROM users AS u
WHERE u.mfa_enabled <> EXISTS (SELECT 1 FROM totp_credentials AS t WHERE t.user_id = u.id AND t.confirmed_at IS NOT NULL)
  OR (u.mfa_enabled = 0 AND EXISTS (SELECT 1 FROM recovery_codes AS c WHERE c.user_id = u.id))
ORDER BY u.id
LIMIT CAST(?1 AS INTEGER)
