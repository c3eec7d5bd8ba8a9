-- Shows benchmark ?1 again, where it is hidden.
UPDATE benchmarks SET hidden_reason = NULL WHERE id = ?1 AND hidden_reason IS NOT NULL
