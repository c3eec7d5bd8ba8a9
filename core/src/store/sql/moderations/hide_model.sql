-- Hides model ?1 for the reason ?2, where it is not hidden.
UPDATE models SET hidden_reason = ?2 WHERE id = ?1 AND hidden_reason IS NULL
