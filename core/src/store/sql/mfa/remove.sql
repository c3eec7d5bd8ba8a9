-- Removes the confirmed authenticator of person ?1.
DELETE FROM totp_credentials WHERE user_id = ?1 AND confirmed_at IS NOT NULL
