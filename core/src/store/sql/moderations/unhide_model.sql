-- Shows model ?1 again, where it is hidden.
UPDATE models SET hidden_reason = NULL WHERE id = ?1 AND hidden_reason IS NOT NULL
