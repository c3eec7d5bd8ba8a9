-- How often a model on a board of the benchmark became a variant of another one: boards show what it is a variant of as it
-- is now, whatever their snapshot.
ALTER TABLE benchmarks ADD COLUMN rebases INTEGER NOT NULL DEFAULT 0;
