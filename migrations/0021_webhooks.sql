-- Whether a person is told by mail of a login from a network that they were not seen in before.
ALTER TABLE users ADD COLUMN tell_new_networks INTEGER NOT NULL DEFAULT 1 CHECK (tell_new_networks IN (0, 1));

-- Addresses that people are told of events at. `events`: an array of names. `secret`, and `previous_secret` until
-- `previous_until`: sealed, what requests are signed with.
-- When it is called: `due_at` is when there is something to send next; null: nothing waits. Who sends holds `lease` until
-- `lease_until`, one at a time. `held_until`: after failures it is left alone so long, whatever waits. `failures`: of attempts
-- since the last that was taken, `failing_since` when they began, `attempted_at` the last attempt.
-- `follows_log`: whether it is told of the public log; `log_seq`, `log_act`: up to which line it was; `log_waits`: a delivery
-- about the log waits, and the next one tells of everything since.
CREATE TABLE webhooks (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  url TEXT NOT NULL,
  description TEXT,
  events TEXT NOT NULL CHECK (json_valid(events)),
  secret BLOB NOT NULL,
  previous_secret BLOB,
  previous_until INTEGER,
  status TEXT NOT NULL DEFAULT 'enabled' CHECK (status IN ('enabled', 'disabled')),
  disabled_reason TEXT CHECK (disabled_reason IN ('owner', 'failing', 'gone')),
  disabled_at INTEGER,
  created_at INTEGER NOT NULL,
  due_at INTEGER,
  lease TEXT,
  lease_until INTEGER,
  held_until INTEGER NOT NULL DEFAULT 0,
  failures INTEGER NOT NULL DEFAULT 0,
  failing_since INTEGER,
  attempted_at INTEGER,
  follows_log INTEGER NOT NULL CHECK (follows_log IN (0, 1)),
  log_seq INTEGER NOT NULL,
  log_act INTEGER NOT NULL,
  log_waits INTEGER NOT NULL DEFAULT 0 CHECK (log_waits IN (0, 1)),
  CHECK ((status = 'disabled') = (disabled_reason IS NOT NULL)),
  CHECK ((status = 'disabled') = (disabled_at IS NOT NULL)),
  CHECK ((previous_secret IS NULL) = (previous_until IS NULL))
) STRICT;
CREATE INDEX webhooks_by_user ON webhooks (user_id, created_at, id);
CREATE INDEX webhooks_due ON webhooks (due_at) WHERE due_at IS NOT NULL AND status = 'enabled';
CREATE INDEX webhooks_by_previous_secret ON webhooks (previous_until) WHERE previous_until IS NOT NULL;
CREATE INDEX webhooks_by_lease ON webhooks (lease) WHERE lease IS NOT NULL;
CREATE INDEX webhooks_behind ON webhooks (log_seq, log_act) WHERE follows_log = 1 AND log_waits = 0 AND status = 'enabled';

-- What a webhook is told: an event, the same `id` for each webhook of its owner. `data`: JSON; null where it is of the log,
-- whose lines after (`from_seq`, `from_act`) up to (`to_seq`, `to_act`) are read when it is sent. It waits while
-- `next_attempt_at` is set, was taken where `delivered_at` is, and else is given up. `answer`: the status of the last answer;
-- `failure`: why the last attempt failed.
CREATE TABLE webhook_deliveries (
  webhook_id TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
  id TEXT NOT NULL,
  event TEXT NOT NULL,
  data TEXT CHECK (data IS NULL OR json_valid(data)),
  from_seq INTEGER,
  from_act INTEGER,
  to_seq INTEGER,
  to_act INTEGER,
  created_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  next_attempt_at INTEGER,
  attempted_at INTEGER,
  delivered_at INTEGER,
  answer INTEGER,
  failure TEXT,
  PRIMARY KEY (webhook_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (webhook_id, next_attempt_at, id) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (webhook_id, created_at, id);
CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (created_at);
