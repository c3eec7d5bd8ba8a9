-- Lists the models that are not hidden, by id.
-- ?1 the model that the page before ended with, ?2 rows
SELECT
  id, display_name, context_window, input_usd_per_mtok, output_usd_per_mtok, licence, released_on,
  training_cutoff, deprecated, base_model, created_at, updated_at, hidden_reason
FROM models
WHERE id > ?1 AND hidden_reason IS NULL
ORDER BY id
LIMIT ?2
