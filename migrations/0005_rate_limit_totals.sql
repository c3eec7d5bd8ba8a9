-- The sliding log of limits with running totals, so that what a decision reads does not grow with what its window holds.

-- What a limit (`name`) of a subject admitted in one millisecond. `running` is all that its rows say was admitted up to and
-- including this moment: what a window holds is the difference between its newest row and what came before its oldest. A
-- row whose window is over may go at any time. Neither times nor expiries run back within a limit, so the oldest go first.
CREATE TABLE rate_limit_totals (
  subject TEXT NOT NULL,
  name TEXT NOT NULL,
  at INTEGER NOT NULL,
  cost INTEGER NOT NULL,
  running INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (subject, name, at)
) STRICT, WITHOUT ROWID;
CREATE INDEX rate_limit_totals_by_expiry ON rate_limit_totals (expires_at);

INSERT INTO rate_limit_totals (subject, name, at, cost, running, expires_at)
SELECT subject, name, at, sum(cost), sum(sum(cost)) OVER earlier, max(max(expires_at)) OVER earlier
FROM rate_limit_events
WHERE cost > 0
GROUP BY subject, name, at
WINDOW earlier AS (PARTITION BY subject, name ORDER BY at);

DROP TABLE rate_limit_events;
