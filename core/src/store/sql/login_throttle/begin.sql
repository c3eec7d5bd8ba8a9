-- Begins to check a password, unless a delay runs, or so many are being checked already that all that is free would be
-- used up if each of them were wrong.
--
-- ?1  its id
-- ?2  now
-- ?3  when it counts as broken off
-- ?4  the address whose account is guessed at, ?5 the client's network
-- ?6  the subjects where that account knows the network, ?7 those where it does not: JSON,
--     [[subject, free guesses, longest delay in ms], …]
--
-- A last failure further ahead of now than the longest delay, or a check that breaks off a minute later than one that begins
-- now, is of a clock that was set back since: it delays nothing.
INSERT INTO guesses_in_flight (id, subject, longest_ms, expires_at)
WITH subjects AS (
  SELECT json_extract(value, '$[0]') AS subject, json_extract(value, '$[1]') AS free, json_extract(value, '$[2]') AS longest_ms
  FROM json_each(CASE WHEN EXISTS (
    SELECT 1 FROM users AS u JOIN known_networks AS k ON k.user_id = u.id WHERE u.email = ?4 AND k.network = ?5
  ) THEN ?6 ELSE ?7 END)
),
failed AS (
  SELECT s.subject, s.free, s.longest_ms, coalesce(g.failures, 0) AS failures,
    iif(g.last_at <= ?2 + s.longest_ms, g.last_at, 0) AS last_at
  FROM subjects AS s LEFT JOIN guesses AS g ON g.subject = s.subject
),
counted AS (
  SELECT subject, free, longest_ms, last_at,
    max(0, failures - max(0, CAST(?2 AS INTEGER) - last_at) / longest_ms) AS failures,
    (
      SELECT count(*) FROM guesses_in_flight AS f
      WHERE f.subject = failed.subject AND f.expires_at > ?2 AND f.expires_at < ?3 + 60000
    ) AS in_flight
  FROM failed
)
SELECT ?1, subject, longest_ms, ?3 FROM counted
WHERE NOT EXISTS (
  SELECT 1 FROM counted AS c
  WHERE c.in_flight >= max(1, c.free - c.failures)
    OR c.failures >= c.free AND c.last_at + min(c.longest_ms, 1000 << min(c.failures - c.free, 20)) > ?2
)
