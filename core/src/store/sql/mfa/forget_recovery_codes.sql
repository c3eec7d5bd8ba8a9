-- Forgets the recovery codes of person ?1, used ones too.
DELETE FROM recovery_codes WHERE user_id = ?1
