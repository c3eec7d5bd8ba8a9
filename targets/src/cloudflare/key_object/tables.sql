-- Makes what the object keeps.

-- What was admitted: as many admissions as came together, as JSON, an array of arrays of time and cost.
CREATE TABLE IF NOT EXISTS admissions (
  last INTEGER NOT NULL,
  first INTEGER NOT NULL,
  some TEXT NOT NULL,
  PRIMARY KEY (last, first)
) STRICT, WITHOUT ROWID;

-- Outstanding leases.
CREATE TABLE IF NOT EXISTS leases (
  id INTEGER PRIMARY KEY,
  cost INTEGER NOT NULL,
  until INTEGER NOT NULL
) STRICT;

-- What was counted, by key and hour.
CREATE TABLE IF NOT EXISTS uses (
  key_id TEXT NOT NULL,
  start INTEGER NOT NULL,
  allowed INTEGER NOT NULL,
  limited INTEGER NOT NULL,
  denied INTEGER NOT NULL,
  last_used INTEGER,
  unsaved INTEGER NOT NULL,
  PRIMARY KEY (key_id, start)
) STRICT, WITHOUT ROWID;

-- The first of the keys, the length of its window, when its use was saved last, and until when a batch may change it.
CREATE TABLE IF NOT EXISTS about (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  key_id TEXT NOT NULL,
  window INTEGER NOT NULL,
  saved_at INTEGER NOT NULL,
  changing_until INTEGER NOT NULL
) STRICT;
