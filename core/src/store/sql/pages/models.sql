-- Lists the models that are not hidden, by id, of a provider or of all.
-- ?1 the model that the page before ended with, ?2 provider, or null, ?3 rows
SELECT
  id, display_name, context_window, input_usd_per_mtok, output_usd_per_mtok, licence, released_on,
  training_cutoff, deprecated, base_model, created_at, updated_at, hidden_reason
FROM models
-- An id is its provider, a slash and a name. '0' follows the slash, and nothing in a name follows '~'.
WHERE id > max(?1, coalesce(?2 || '/', '')) AND id < coalesce(?2 || '0', '~') AND hidden_reason IS NULL
ORDER BY id
LIMIT ?3
