-- After forget_factor.sql: the recovery codes of the same time (?2 ms) go too, and all of them where no authenticator is
-- left.
DELETE FROM recovery_codes
WHERE user_id = (SELECT user_id FROM email_undos WHERE hash = ?1)
  AND (
    created_at >= (SELECT created_at - ?2 FROM email_undos WHERE hash = ?1)
    OR NOT EXISTS (SELECT 1 FROM totp_credentials AS t WHERE t.user_id = recovery_codes.user_id)
  )
