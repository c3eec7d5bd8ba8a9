-- Forgets, at ?1, changes of address that cannot be undone any more.
DELETE FROM email_undos WHERE expires_at < ?1
