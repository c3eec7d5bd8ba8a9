-- Runs without a commit, the digest of a run's results as publishing computes it, and sealed runs: what a runner registered
-- before the results were there.

-- A source may not tell which commit ran.
ALTER TABLE runs ADD COLUMN known_commit TEXT;
UPDATE runs SET known_commit = commit_hash;
ALTER TABLE runs DROP COLUMN commit_hash;
ALTER TABLE runs RENAME COLUMN known_commit TO commit_hash;

-- SHA-256 over the results that the data set tells, in hexadecimal, and how many these are: what the log commits to. A run
-- that was published before, or loaded, has neither, and is read for its leaf.
ALTER TABLE runs ADD COLUMN results_digest TEXT;
ALTER TABLE runs ADD COLUMN digested_results INTEGER;

-- Append-only: what a run is going to be. `tasks` and `attempts` are the version's, which can be replaced no more. `series`: as
-- that of runs, which it shares: the owner's first run or seal of the system on the version; `ordinal`: from 1 within it.
-- `after_seq`: the newest snapshot then; `act`: numbers seals and moderation together, in the order of commits.
CREATE TABLE seals (
  id TEXT PRIMARY KEY,
  owner_id TEXT REFERENCES users (id) ON DELETE SET NULL,
  model_id TEXT NOT NULL REFERENCES models (id),
  agent_name TEXT,
  agent_version TEXT,
  configuration TEXT,
  system_id TEXT NOT NULL,
  benchmark_id TEXT NOT NULL,
  version TEXT NOT NULL,
  harness TEXT NOT NULL,
  harness_version TEXT NOT NULL,
  commit_hash TEXT NOT NULL,
  tasks INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  stopping_rule TEXT NOT NULL,
  note TEXT,
  series TEXT NOT NULL,
  ordinal INTEGER NOT NULL,
  sealed_at INTEGER NOT NULL,
  after_seq INTEGER NOT NULL,
  act INTEGER NOT NULL UNIQUE,
  FOREIGN KEY (benchmark_id, version) REFERENCES benchmark_versions (benchmark_id, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX seals_by_owner ON seals (owner_id, benchmark_id, version, system_id, ordinal);
CREATE INDEX seals_by_series ON seals (series, after_seq, ordinal);
CREATE INDEX seals_by_place ON seals (after_seq, act);
CREATE INDEX seals_by_benchmark ON seals (benchmark_id, act);
CREATE INDEX seals_by_benchmark_and_place ON seals (benchmark_id, after_seq, act);
CREATE INDEX seals_by_version ON seals (benchmark_id, version, act);
CREATE INDEX seals_by_model ON seals (model_id);

-- What a run was sealed as. It is bound when it is published, and only one is.
ALTER TABLE runs ADD COLUMN seal_id TEXT;
CREATE UNIQUE INDEX runs_by_seal ON runs (seal_id) WHERE seal_id IS NOT NULL AND published_at IS NOT NULL;
CREATE INDEX runs_opening_seals ON runs (series, published_seq) WHERE seal_id IS NOT NULL AND published_at IS NOT NULL;

-- The log of changes names the seal of a run, and has a line for each seal.
DROP VIEW public_changes;
CREATE VIEW public_changes AS
SELECT
  c.seq, 0 AS act, n.id, c.kind, n.created_at, c.benchmark_id, n.version, c.model_id, c.system_id, r.agent_name,
  r.agent_version, r.configuration, c.run_id, c.reason, c.previous_run_id, c.current_run_id, c.rank_before,
  c.rank_after,
  CASE
    WHEN EXISTS (
      SELECT 1
      FROM json_each(c.moved) AS w
        JOIN models AS h ON h.id = w.value ->> 'model'
      WHERE h.hidden_reason IS NOT NULL
    )
      THEN (
        SELECT json_group_array(json(w.value))
        FROM json_each(c.moved) AS w
        WHERE NOT EXISTS (
          SELECT 1 FROM models AS h WHERE h.id = w.value ->> 'model' AND h.hidden_reason IS NOT NULL
        )
      )
    ELSE c.moved
  END AS moved,
  NULL AS name, r.seal_id
FROM changes AS c
  CROSS JOIN snapshots AS n ON n.seq = c.seq
  CROSS JOIN runs AS r ON r.id = c.run_id
  CROSS JOIN models AS m ON m.id = c.model_id AND m.hidden_reason IS NULL
  CROSS JOIN benchmarks AS b ON b.id = c.benchmark_id AND b.hidden_reason IS NULL;
DROP VIEW moderation_changes;
CREATE VIEW moderation_changes AS
SELECT
  o.after_seq AS seq, o.seq AS act, o.id, o.kind, o.created_at, o.benchmark_id, NULL AS version, o.model_id,
  NULL AS system_id, NULL AS agent_name, NULL AS agent_version, NULL AS configuration, NULL AS run_id, o.reason,
  NULL AS previous_run_id, NULL AS current_run_id, NULL AS rank_before, NULL AS rank_after, '[]' AS moved, o.name,
  NULL AS seal_id
FROM moderations AS o;
CREATE VIEW seal_changes AS
SELECT
  s.after_seq AS seq, s.act, s.id, 'sealed' AS kind, s.sealed_at AS created_at, s.benchmark_id, s.version, s.model_id,
  s.system_id, s.agent_name, s.agent_version, s.configuration, NULL AS run_id, NULL AS reason, NULL AS previous_run_id,
  NULL AS current_run_id, NULL AS rank_before, NULL AS rank_after, '[]' AS moved, NULL AS name, s.id AS seal_id
FROM seals AS s
  CROSS JOIN models AS m ON m.id = s.model_id AND m.hidden_reason IS NULL
  CROSS JOIN benchmarks AS b ON b.id = s.benchmark_id AND b.hidden_reason IS NULL;

-- The guards of seals join the others.
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
