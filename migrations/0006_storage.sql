-- Storage: what accounts hold and may hold, definitions apart from what every read of a version looks at, runs that count
-- the changes of their results.

-- Names the quota of an account as what undid a batch. Never holds a row.
CREATE TABLE storage_guard (
  exceeded INTEGER NOT NULL,
  CONSTRAINT storage_quota_exceeded CHECK (exceeded IS NULL)
) STRICT;

-- The canonical JSON of a version, a megabyte where it has many tasks: read only where it is compared or told.
CREATE TABLE benchmark_definitions (
  benchmark_id TEXT NOT NULL,
  version TEXT NOT NULL,
  definition TEXT NOT NULL,
  PRIMARY KEY (benchmark_id, version)
) STRICT;
INSERT INTO benchmark_definitions (benchmark_id, version, definition) SELECT benchmark_id, version, definition FROM benchmark_versions;
ALTER TABLE benchmark_versions DROP COLUMN definition;

-- Tasks are told in their order, a page at a time.
CREATE INDEX benchmark_tasks_by_position ON benchmark_tasks (benchmark_id, version, position);

-- Another one whenever results or counts come in: what was computed of an earlier one is not published.
ALTER TABLE runs ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;

-- Bytes of what an account declared and uploaded: of each version its definition, of each run the request that opened it,
-- of each result 64, its task's name and the scores of its parts. Without a quota of its own, the deployment's holds.
ALTER TABLE users ADD COLUMN storage_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN storage_quota_bytes INTEGER;
UPDATE users SET storage_bytes =
  coalesce((SELECT sum(octet_length(d.definition)) FROM benchmarks AS b JOIN benchmark_definitions AS d ON d.benchmark_id = b.id
    WHERE b.owner_id = users.id), 0)
  + coalesce((SELECT sum(octet_length(r.request)) FROM runs AS r WHERE r.owner_id = users.id), 0)
  + coalesce((SELECT sum(64 + octet_length(x.task_id) + coalesce(octet_length(x.parts), 0))
    FROM runs AS r JOIN results AS x ON x.run_id = r.id WHERE r.owner_id = users.id), 0);
