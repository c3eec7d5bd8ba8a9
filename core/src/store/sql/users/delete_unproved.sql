-- Deletes the registration of the link ?1's new address, where nobody has proved it.
DELETE FROM users WHERE email_verified = 0 AND email = (SELECT new_email FROM one_time_tokens WHERE hash = ?1)
