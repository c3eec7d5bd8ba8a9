-- Declares a model, or changes one that the same person declared. A name that an administrator gave it stays.
-- ?1 model, ?2 its provider, ?3 display name, ?4 context window in tokens, ?5 and ?6 US dollars for a million input
-- and output tokens, ?7 licence, ?8 release, ?9 training cutoff, ?10 whether it is deprecated, ?11 owner, ?12 now,
-- ?13 the model that it is a variant of
INSERT INTO models (
  id, provider, display_name, context_window, input_usd_per_mtok, output_usd_per_mtok, licence, released_on,
  training_cutoff, deprecated, owner_id, created_at, updated_at, base_model
)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12, ?13)
ON CONFLICT (id) DO UPDATE SET
  display_name = coalesce(given_name, excluded.display_name), context_window = excluded.context_window,
  input_usd_per_mtok = excluded.input_usd_per_mtok, output_usd_per_mtok = excluded.output_usd_per_mtok,
  licence = excluded.licence, released_on = excluded.released_on, training_cutoff = excluded.training_cutoff,
  deprecated = excluded.deprecated, base_model = excluded.base_model, updated_at = excluded.updated_at
WHERE owner_id = excluded.owner_id
  AND (
    display_name, context_window, input_usd_per_mtok, output_usd_per_mtok, licence, released_on,
    training_cutoff, deprecated, base_model
  )
    IS NOT (
      coalesce(given_name, excluded.display_name), excluded.context_window, excluded.input_usd_per_mtok,
      excluded.output_usd_per_mtok, excluded.licence, excluded.released_on, excluded.training_cutoff,
      excluded.deprecated, excluded.base_model
    )
