-- ?1 id, ?2 reason
UPDATE models SET hidden_reason = ?2 WHERE id = ?1 AND hidden_reason IS NULL
