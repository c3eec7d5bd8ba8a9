-- What a version is of its benchmark, which version a benchmark is read by, and under which conditions runs are made.

-- Of the same benchmark: the version that has all tasks of this one and more, or the same tasks with another scorer. A
-- part of a whole that is not declared says how many tasks that has. A version with none of these is whole. `conditions`: `{"timeLimitSeconds","tools","internet","attempts"}`, what is prescribed.
ALTER TABLE benchmark_versions ADD COLUMN part_of TEXT;
ALTER TABLE benchmark_versions ADD COLUMN other_scoring_of TEXT;
ALTER TABLE benchmark_versions ADD COLUMN whole_task_count INTEGER;
ALTER TABLE benchmark_versions ADD COLUMN is_whole INTEGER GENERATED ALWAYS AS (
  part_of IS NULL AND other_scoring_of IS NULL AND whole_task_count IS NULL) VIRTUAL;
ALTER TABLE benchmark_versions ADD COLUMN homepage TEXT;
ALTER TABLE benchmark_versions ADD COLUMN licence TEXT;
ALTER TABLE benchmark_versions ADD COLUMN citation TEXT;
ALTER TABLE benchmark_versions ADD COLUMN conditions TEXT CHECK (conditions IS NULL OR json_valid(conditions));

-- The same of a run: what held when it was made.
ALTER TABLE runs ADD COLUMN conditions TEXT CHECK (conditions IS NULL OR json_valid(conditions));

-- What is read where no version is named. Every version of before is whole: the latest that brings results and has an
-- entry, else the one of counts that the board showed, else the first that brings results.
ALTER TABLE benchmarks ADD COLUMN current_version TEXT;
UPDATE benchmarks SET current_version = coalesce(
  (SELECT v.version FROM benchmark_versions AS v
    WHERE v.benchmark_id = benchmarks.id AND v.evidence = 'results' AND EXISTS (SELECT 1 FROM leaderboard_entries AS e
      WHERE e.benchmark_id = v.benchmark_id AND e.version = v.version AND e.to_seq IS NULL)
    ORDER BY v.created_at DESC, v.version DESC LIMIT 1),
  (SELECT e.version FROM leaderboard_entries AS e
    WHERE e.benchmark_id = benchmarks.id AND e.to_seq IS NULL ORDER BY e.from_seq DESC LIMIT 1),
  (SELECT v.version FROM benchmark_versions AS v
    WHERE v.benchmark_id = benchmarks.id AND v.evidence = 'results' ORDER BY v.created_at, v.version LIMIT 1));

-- What a read takes that names no version: the current one, else the only one that is whole.
CREATE VIEW default_versions AS
SELECT
  b.id AS benchmark_id,
  coalesce(
    b.current_version,
    (
      SELECT CASE WHEN count(*) = 1 THEN min(v.version) END
      FROM benchmark_versions AS v
      WHERE v.benchmark_id = b.id AND v.is_whole
    )
  ) AS version
FROM benchmarks AS b;

-- The benchmark that is read where none is named: an administrator's choice, one row or none.
CREATE TABLE featured_benchmark (
  place INTEGER PRIMARY KEY CHECK (place = 1),
  benchmark_id TEXT NOT NULL UNIQUE REFERENCES benchmarks (id)
) STRICT;

-- A guard is a constraint: more of them need the table anew.
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
