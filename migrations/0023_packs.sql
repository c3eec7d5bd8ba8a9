-- The results of a published run never change, and hardly anybody reads them one by one: they may be packed.

-- A run has rows in results, or packs once `packed_at` is set, never both. While a large one is being packed, its packs hold
-- the first of its results, which are rows still, and nobody reads them. `pack_again_at`: until then nobody packs it: somebody
-- does, died over it, or found that it cannot be packed.
ALTER TABLE runs ADD COLUMN packed_at INTEGER
  CHECK (packed_at IS NULL OR (published_at IS NOT NULL AND status <> 'open'));
ALTER TABLE runs ADD COLUMN pack_again_at INTEGER;
CREATE INDEX runs_to_pack ON runs (pack_again_at, published_at) WHERE packed_at IS NULL AND published_at IS NOT NULL;

-- Some of a run's results: those from (`first_task`, `first_attempt`) to (`last_task`, `last_attempt`), in the order of these.
-- `results`: how many; `size`: what they count in a page of the data set (dataset/page_results.sql). A table with rowids: large
-- rows make one without slow. The index is all that finds a pack; with `id` it is what the walks of pages read.
CREATE TABLE result_packs (
  id INTEGER PRIMARY KEY,
  run_id TEXT NOT NULL REFERENCES runs (id),
  first_task TEXT NOT NULL,
  first_attempt INTEGER NOT NULL,
  last_task TEXT NOT NULL,
  last_attempt INTEGER NOT NULL,
  results INTEGER NOT NULL CHECK (results > 0),
  size INTEGER NOT NULL,
  pack BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX result_packs_by_key ON result_packs (run_id, last_task, last_attempt);

-- The guard of packing joins the others.
DROP TABLE batch_guard;
-- Never holds a row: inserting one fails, and with it the batch whose expectation was not met.
CREATE TABLE batch_guard (
  expectation TEXT NOT NULL,
  CONSTRAINT account_unchanged CHECK (expectation <> 'account_unchanged'),
  CONSTRAINT account_active CHECK (expectation <> 'account_active'),
  CONSTRAINT admin_role CHECK (expectation <> 'admin_role'),
  CONSTRAINT address_free CHECK (expectation <> 'address_free'),
  CONSTRAINT api_key_active CHECK (expectation <> 'api_key_active'),
  CONSTRAINT api_key_limit CHECK (expectation <> 'api_key_limit'),
  CONSTRAINT api_key_rotatable CHECK (expectation <> 'api_key_rotatable'),
  CONSTRAINT base_tasks CHECK (expectation <> 'base_tasks'),
  CONSTRAINT base_whole CHECK (expectation <> 'base_whole'),
  CONSTRAINT benchmark_exists CHECK (expectation <> 'benchmark_exists'),
  CONSTRAINT benchmark_owner CHECK (expectation <> 'benchmark_owner'),
  CONSTRAINT challenge_open CHECK (expectation <> 'challenge_open'),
  CONSTRAINT dataset_complete CHECK (expectation <> 'dataset_complete'),
  CONSTRAINT deployment_unused CHECK (expectation <> 'deployment_unused'),
  CONSTRAINT guess_allowed CHECK (expectation <> 'guess_allowed'),
  CONSTRAINT idempotency_claim CHECK (expectation <> 'idempotency_claim'),
  CONSTRAINT link_unused CHECK (expectation <> 'link_unused'),
  CONSTRAINT log_size CHECK (expectation <> 'log_size'),
  CONSTRAINT mfa_enabled CHECK (expectation <> 'mfa_enabled'),
  CONSTRAINT mfa_disabled CHECK (expectation <> 'mfa_disabled'),
  CONSTRAINT mfa_pending CHECK (expectation <> 'mfa_pending'),
  CONSTRAINT not_hidden CHECK (expectation <> 'not_hidden'),
  CONSTRAINT only_registration CHECK (expectation <> 'only_registration'),
  CONSTRAINT password_unchanged CHECK (expectation <> 'password_unchanged'),
  CONSTRAINT password_turn CHECK (expectation <> 'password_turn'),
  CONSTRAINT results_consistent CHECK (expectation <> 'results_consistent'),
  CONSTRAINT results_unpacked CHECK (expectation <> 'results_unpacked'),
  CONSTRAINT role_changes CHECK (expectation <> 'role_changes'),
  CONSTRAINT run_open CHECK (expectation <> 'run_open'),
  CONSTRAINT run_owner CHECK (expectation <> 'run_owner'),
  CONSTRAINT run_published CHECK (expectation <> 'run_published'),
  CONSTRAINT run_unchanged CHECK (expectation <> 'run_unchanged'),
  CONSTRAINT seal_matches CHECK (expectation <> 'seal_matches'),
  CONSTRAINT seal_order CHECK (expectation <> 'seal_order'),
  CONSTRAINT seal_owner CHECK (expectation <> 'seal_owner'),
  CONSTRAINT seal_unopened CHECK (expectation <> 'seal_unopened'),
  CONSTRAINT second_factor_unused CHECK (expectation <> 'second_factor_unused'),
  CONSTRAINT session_exists CHECK (expectation <> 'session_exists'),
  CONSTRAINT session_live CHECK (expectation <> 'session_live'),
  CONSTRAINT storage_quota CHECK (expectation <> 'storage_quota'),
  CONSTRAINT tasks_known CHECK (expectation <> 'tasks_known'),
  CONSTRAINT user_exists CHECK (expectation <> 'user_exists'),
  CONSTRAINT version_counts CHECK (expectation <> 'version_counts'),
  CONSTRAINT version_exists CHECK (expectation <> 'version_exists'),
  CONSTRAINT version_limit CHECK (expectation <> 'version_limit'),
  CONSTRAINT version_replaceable CHECK (expectation <> 'version_replaceable'),
  CONSTRAINT version_whole CHECK (expectation <> 'version_whole'),
  CONSTRAINT expectation_failed CHECK (expectation IS NULL)
) STRICT;
