-- Forgets the logins of person ?1 that wait for a second factor.
DELETE FROM mfa_challenges WHERE user_id = ?1
