-- Charges all limits of a subject, or none of them. One row comes back for each limit that was charged.
-- ?1 the subject; ?2 an array of limits: name, limit, window_ms; ?3 the cost; ?4 the time now.
WITH standing AS MATERIALIZED (
  SELECT
    l.value ->> 'name' AS name,
    l.value ->> 'limit' AS most,
    l.value ->> 'window_ms' AS window_ms,
    n.at AS newest,
    coalesce(n.running, 0) AS running,
    coalesce(n.expires_at, 0) AS expires,
    -- Time never runs back: of a clock that was set back it waits until that has caught up.
    max(?4, coalesce(n.at, ?4)) AS at
  FROM json_each(?2) AS l
  LEFT JOIN rate_limit_totals AS n ON n.subject = ?1 AND n.name = l.value ->> 'name' AND n.at = (
    SELECT max(m.at) FROM rate_limit_totals AS m WHERE m.subject = ?1 AND m.name = l.value ->> 'name'
  )
)
INSERT INTO rate_limit_totals (subject, name, at, cost, running, expires_at)
-- What costs nothing leaves no row of its own, but where there is none.
SELECT
  ?1,
  s.name,
  iif(?3 > 0, s.at, coalesce(s.newest, ?4)),
  ?3,
  s.running + ?3,
  -- Never before an older row, so that what goes is always the oldest.
  CASE WHEN ?3 > 0 THEN max(s.at + s.window_ms, s.expires) WHEN s.newest IS NULL THEN ?4 ELSE 0 END
FROM standing AS s
WHERE NOT EXISTS (
  SELECT 1 FROM standing AS r
  WHERE r.running + ?3 - coalesce((
    SELECT f.running - f.cost FROM rate_limit_totals AS f
    WHERE f.subject = ?1 AND f.name = r.name AND f.at > r.at - r.window_ms
    ORDER BY f.at LIMIT 1
  ), r.running) > r.most
)
ON CONFLICT (subject, name, at) DO UPDATE SET
  cost = cost + excluded.cost,
  running = running + excluded.cost,
  expires_at = max(expires_at, excluded.expires_at)
RETURNING 1 AS charged
