-- The log of changes as a Merkle tree (RFC 9162): a leaf for each of its lines, the nodes that proofs are made of, and the
-- heads that were signed. Lines of before get their leaves by the same way as new ones.

-- Append-only. `idx`: from 0 without a gap. `seq` and `act`: the line's place, as in `public_changes` and
-- `moderation_changes`. `leaf`: canonical JSON, of which the hash is that of the node of level 0.
CREATE TABLE log_leaves (
  idx INTEGER PRIMARY KEY,
  seq INTEGER NOT NULL,
  act INTEGER NOT NULL,
  change_id TEXT NOT NULL UNIQUE,
  leaf TEXT NOT NULL CHECK (json_valid(leaf)),
  UNIQUE (seq, act)
) STRICT;

-- Append-only: the roots of perfect subtrees, the `idx`-th of those with 2^`level` leaves. `hash`: in hexadecimal.
CREATE TABLE log_nodes (
  level INTEGER NOT NULL,
  idx INTEGER NOT NULL,
  hash TEXT NOT NULL,
  PRIMARY KEY (level, idx)
) STRICT, WITHOUT ROWID;

-- Append-only: what was signed once is told again. Another key signs the same size anew.
CREATE TABLE log_heads (
  size INTEGER NOT NULL,
  signed_at INTEGER NOT NULL,
  root_hash TEXT NOT NULL,
  key_id TEXT NOT NULL,
  signature TEXT NOT NULL,
  PRIMARY KEY (size, key_id)
) STRICT;

-- The guard of the log's size joins the others.
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
  CONSTRAINT role_changes CHECK (expectation <> 'role_changes'),
  CONSTRAINT run_open CHECK (expectation <> 'run_open'),
  CONSTRAINT run_owner CHECK (expectation <> 'run_owner'),
  CONSTRAINT run_published CHECK (expectation <> 'run_published'),
  CONSTRAINT run_unchanged CHECK (expectation <> 'run_unchanged'),
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
