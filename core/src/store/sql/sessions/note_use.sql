-- Notes, at ?2, that session ?1 was used, where it lives and that was not noted within ?3 ms.
UPDATE sessions SET last_used_at = ?2
WHERE id = ?1 AND revoked_at IS NULL AND expires_at > ?2 AND last_used_at <= ?2 - ?3
