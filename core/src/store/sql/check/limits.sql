-- Finds limits whose totals do not go on from one moment to the next.
-- ?1 rows
SELECT 'the limit ' || name || ' of ' || subject || ' has a wrong total at ' || at AS problem
FROM (
  SELECT
    subject, name, at, cost, running, expires_at,
    lag(running) OVER w AS before, lag(expires_at) OVER w AS expired
  FROM rate_limit_totals
  WINDOW w AS (PARTITION BY subject, name ORDER BY at)
)
WHERE cost < 0 OR running - cost <> before OR running < cost OR expires_at < expired
ORDER BY subject, name, at
LIMIT CAST(?1 AS INTEGER)
