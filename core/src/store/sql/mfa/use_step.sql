-- Uses the code of time step ?2 of the authenticator ?1, once, and keeps its secret as it was sealed anew (?3).
UPDATE totp_credentials SET last_step = ?2, secret = ?3
WHERE id = ?1 AND last_step < ?2 AND confirmed_at IS NOT NULL
