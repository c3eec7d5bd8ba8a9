-- Confirms the waiting authenticator ?1, at ?2, with a first code of time step ?3.
UPDATE totp_credentials SET confirmed_at = ?2, last_step = ?3 WHERE id = ?1 AND confirmed_at IS NULL
