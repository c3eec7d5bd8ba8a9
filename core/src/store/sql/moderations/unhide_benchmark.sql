-- ?1 id
UPDATE benchmarks SET hidden_reason = NULL WHERE id = ?1 AND hidden_reason IS NOT NULL
