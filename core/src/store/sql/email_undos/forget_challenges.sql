-- The logins of the person of ?1 that wait for a second factor are gone.
DELETE FROM mfa_challenges WHERE user_id = (SELECT user_id FROM email_undos WHERE hash = ?1)
