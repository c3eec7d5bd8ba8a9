-- ?1 id, ?2 reason
UPDATE benchmarks SET hidden_reason = ?2 WHERE id = ?1 AND hidden_reason IS NULL
