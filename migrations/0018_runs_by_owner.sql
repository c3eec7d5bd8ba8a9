-- A person's runs, newest first, for their account's pages.
CREATE INDEX runs_by_owner ON runs (owner_id, created_at, id) WHERE owner_id IS NOT NULL;
