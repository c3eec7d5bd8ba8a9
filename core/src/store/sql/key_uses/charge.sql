-- Charges uses of different keys in order, to the limits that they share with those they were rotated from, up to the first
-- whose key does not live or whose limit does not admit it. One row comes back for each use that was charged.
-- ?1 an array of arrays: key id, cost, whether it is denied whatever the limit says, and the id of the key of whoever asks
-- about it (null where that is nobody but its holder); ?2 the time now.
WITH asked AS MATERIALIZED (
  SELECT a.key AS place, a.value ->> 0 AS id, a.value ->> 1 AS cost, a.value ->> 2 AS denied, a.value ->> 3 AS verifier
  FROM json_each(?1) AS a
),
standing AS MATERIALIZED (
  SELECT
    w.place,
    coalesce(k.first_key_id, k.id) AS subject,
    w.cost,
    k.rate_limit AS most,
    k.rate_limit_window_seconds * 1000 AS window_ms,
    NOT w.denied AND k.status = 'active' AND u.status = 'active' AND (k.expires_at IS NULL OR k.expires_at > ?2)
      -- Whoever asks may ask about keys of their own, or, a service, about everybody's.
      AND (w.verifier IS NULL OR EXISTS (
        SELECT 1 FROM api_keys AS q JOIN users AS p ON p.id = q.user_id
        WHERE q.id = w.verifier AND (q.user_id = k.user_id OR p.role = 'service')
      )) AS lives,
    n.at AS newest,
    coalesce(n.running, 0) AS running,
    coalesce(n.expires_at, 0) AS expires,
    -- Time never runs back: of a clock that was set back it waits until that has caught up.
    max(?2, coalesce(n.at, ?2)) AS at
  FROM asked AS w
  LEFT JOIN api_keys AS k ON k.id = w.id
  LEFT JOIN users AS u ON u.id = k.user_id
  LEFT JOIN rate_limit_totals AS n ON n.subject = coalesce(k.first_key_id, k.id) AND n.name = 'key' AND n.at = (
    SELECT max(m.at) FROM rate_limit_totals AS m WHERE m.subject = coalesce(k.first_key_id, k.id) AND m.name = 'key'
  )
),
refused AS MATERIALIZED (
  SELECT min(s.place) AS place FROM standing AS s
  WHERE s.lives IS NOT TRUE OR s.most < s.running + s.cost
    -- Where they share a limit, what the uses before this one cost is in use, too.
    + (SELECT coalesce(sum(b.cost), 0) FROM standing AS b WHERE b.subject = s.subject AND b.place < s.place)
    - coalesce((
      SELECT f.running - f.cost FROM rate_limit_totals AS f
      WHERE f.subject = s.subject AND f.name = 'key' AND f.at > s.at - s.window_ms
      ORDER BY f.at LIMIT 1
    ), s.running)
)
INSERT INTO rate_limit_totals (subject, name, at, cost, running, expires_at)
-- What costs nothing leaves no row of its own, but where there is none.
SELECT
  s.subject,
  'key',
  iif(s.cost > 0, s.at, coalesce(s.newest, ?2)),
  s.cost,
  s.running + s.cost,
  -- Never before an older row, so that what goes is always the oldest.
  CASE WHEN s.cost > 0 THEN max(s.at + s.window_ms, s.expires) WHEN s.newest IS NULL THEN ?2 ELSE 0 END
FROM standing AS s
WHERE s.place < coalesce((SELECT r.place FROM refused AS r), s.place + 1)
ON CONFLICT (subject, name, at) DO UPDATE SET
  cost = cost + excluded.cost,
  running = running + excluded.cost,
  expires_at = max(expires_at, excluded.expires_at)
RETURNING 1 AS charged
