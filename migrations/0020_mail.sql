-- Addresses that providers say mail cannot be sent to: of accounts, and of mails that were sent for one. `cause`: null once the
-- address was verified anew, which is remembered for a while, since providers tell of an event more than once.
-- `event_at`: when that happened, by the provider; `event_id`: the security event that tells of it. `tried_at`, `tried_mail`:
-- the last mail that anybody asked for and that was tried nonetheless; `asked_at`: when its person asked for one.
-- `expires_at`: of a row that stands for nothing any more.
CREATE TABLE undeliverable_addresses (
  email TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  cause TEXT CHECK (cause IN ('bounce', 'complaint')),
  since INTEGER NOT NULL,
  event_at INTEGER NOT NULL,
  event_id TEXT NOT NULL,
  verified_at INTEGER,
  tried_at INTEGER,
  tried_mail TEXT,
  asked_at INTEGER,
  expires_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX undeliverable_addresses_by_user ON undeliverable_addresses (user_id);
CREATE INDEX undeliverable_addresses_by_expiry ON undeliverable_addresses (expires_at) WHERE expires_at IS NOT NULL;

-- What is told of an address that mail is not sent to.
CREATE VIEW undeliverable AS
SELECT a.email, json_object('cause', a.cause, 'since', a.since, 'askedAt', a.asked_at) AS told
FROM undeliverable_addresses AS a
WHERE a.cause IS NOT NULL;

-- What a person is told of by mail, unless they do not want to be; and when they were last told of a limit.
ALTER TABLE users ADD COLUMN tell_key_expiry INTEGER NOT NULL DEFAULT 1 CHECK (tell_key_expiry IN (0, 1));
ALTER TABLE users ADD COLUMN tell_key_limits INTEGER NOT NULL DEFAULT 1 CHECK (tell_key_limits IN (0, 1));
ALTER TABLE users ADD COLUMN told_of_limit_at INTEGER;

-- Of which days before its end a key's owner was told last: 30, 7 or 1. `reminder_at`: when they are told next. Whoever makes
-- a key that lasts no longer than so many days is not told of them.
ALTER TABLE api_keys ADD COLUMN reminded INTEGER;
-- Of what has ended there is nothing to tell.
UPDATE api_keys SET reminded = 1 WHERE expires_at <= unixepoch() * 1000;
ALTER TABLE api_keys ADD COLUMN reminder_at INTEGER GENERATED ALWAYS AS (
  CASE
    WHEN status <> 'active' OR expires_at IS NULL THEN NULL
    WHEN reminded IS NULL AND expires_at - 2592000000 > created_at THEN expires_at - 2592000000
    WHEN coalesce(reminded, 30) > 7 AND expires_at - 604800000 > created_at THEN expires_at - 604800000
    WHEN coalesce(reminded, 30) > 1 AND expires_at - 86400000 > created_at THEN expires_at - 86400000
  END
) VIRTUAL;
CREATE INDEX api_keys_by_reminder ON api_keys (reminder_at) WHERE reminder_at IS NOT NULL;

-- Hours in which a key reached its limit.
CREATE INDEX api_key_usage_limited ON api_key_usage (hour, key_id) WHERE limited > 0;
