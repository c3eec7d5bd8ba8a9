-- Charges person ?1 for a run or a seal whose request has ?2 bytes, where the statement before it made one.
UPDATE users SET storage_bytes = storage_bytes + ?2 WHERE id = ?1 AND changes() > 0
