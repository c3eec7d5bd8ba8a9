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
