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
