-- Loads a model: one, as SQLite would plan to look through the entries for more.
-- ?1 rows of models, as a JSON array of objects
INSERT INTO models (
  id, provider, display_name, context_window, input_usd_per_mtok, output_usd_per_mtok, licence, released_on,
  training_cutoff, deprecated, created_at, updated_at, base_model
)
VALUES (
  ?1 ->> '$[0].id', ?1 ->> '$[0].provider', ?1 ->> '$[0].display_name', ?1 ->> '$[0].context_window',
  ?1 ->> '$[0].input_usd_per_mtok', ?1 ->> '$[0].output_usd_per_mtok', ?1 ->> '$[0].licence',
  ?1 ->> '$[0].released_on', ?1 ->> '$[0].training_cutoff', ?1 ->> '$[0].deprecated',
  ?1 ->> '$[0].created_at', ?1 ->> '$[0].updated_at', ?1 ->> '$[0].base_model'
)
