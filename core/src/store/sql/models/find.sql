-- Finds a model, hidden or not.
-- ?1 model
SELECT
  id, display_name, context_window, input_usd_per_mtok, output_usd_per_mtok, licence, released_on,
  training_cutoff, deprecated, base_model, created_at, updated_at, hidden_reason
FROM models
WHERE id = ?1
