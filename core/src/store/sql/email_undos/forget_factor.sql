-- Removes the authenticator that the person of ?1 got less than ?2 ms before the change, or after it: whoever made the
-- change may have set it up. An older one was told to its owner in time, and cannot be replaced without a code of it.
DELETE FROM totp_credentials
WHERE user_id = (SELECT user_id FROM email_undos WHERE hash = ?1)
  AND coalesce(confirmed_at, created_at) >= (SELECT created_at - ?2 FROM email_undos WHERE hash = ?1)
