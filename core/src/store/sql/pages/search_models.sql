-- Finds models that are not hidden, in whose ids and names every word occurs.
-- ?1 JSON array of words, ?2 rows
SELECT
  id, display_name, context_window, input_usd_per_mtok, output_usd_per_mtok, licence, released_on,
  training_cutoff, deprecated, base_model, created_at, updated_at, hidden_reason
FROM models AS m
WHERE m.id > ''
  AND m.hidden_reason IS NULL
  AND NOT EXISTS (
    SELECT 1 FROM json_each(?1) AS w WHERE instr(lower(m.id || ' ' || m.display_name), lower(w.value)) = 0
  )
ORDER BY m.id
LIMIT ?2
