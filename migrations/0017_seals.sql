-- Runs without a commit, the digest of a run's results as publishing computes it, and sealed runs: what a runner registered
-- before the results were there.

-- A source may not tell which commit ran.
ALTER TABLE runs ADD COLUMN known_commit TEXT;
UPDATE runs SET known_commit = commit_hash;
ALTER TABLE runs DROP COLUMN commit_hash;
ALTER TABLE runs RENAME COLUMN known_commit TO commit_hash;
