-- Uses the recovery code with the hash ?2 of person ?1, once, at ?3.
UPDATE recovery_codes SET used_at = ?3 WHERE user_id = ?1 AND hash = ?2 AND used_at IS NULL
