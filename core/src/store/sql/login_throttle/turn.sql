-- When a password may be checked: after the delay that runs, if one does, and once fewer are being checked.
--
-- ?1  now
-- ?2  the address whose account is guessed at, ?3 the client's network
-- ?4  the subjects where that account knows the network, ?5 those where it does not: JSON, as in begin.sql
SELECT
  coalesce(max(CASE WHEN failures >= free THEN last_at + min(longest_ms, 1000 << min(failures - free, 20)) END), 0) AS free_at,
  coalesce(max(in_flight >= max(1, free - failures)), 0) AS is_full
FROM (
  SELECT free, longest_ms, last_at,
    max(0, failures - max(0, CAST(?1 AS INTEGER) - last_at) / longest_ms) AS failures,
    (
      SELECT count(*) FROM guesses_in_flight AS f
      WHERE f.subject = failed.subject AND f.expires_at > ?1 AND f.expires_at < ?1 + 120000
    ) AS in_flight
  FROM (
    SELECT s.subject, s.free, s.longest_ms, coalesce(g.failures, 0) AS failures,
      iif(g.last_at <= ?1 + s.longest_ms, g.last_at, 0) AS last_at
    FROM (
      SELECT json_extract(value, '$[0]') AS subject, json_extract(value, '$[1]') AS free,
        json_extract(value, '$[2]') AS longest_ms
      FROM json_each(CASE WHEN EXISTS (
        SELECT 1 FROM users AS u JOIN known_networks AS k ON k.user_id = u.id WHERE u.email = ?2 AND k.network = ?3
      ) THEN ?4 ELSE ?5 END)
    ) AS s LEFT JOIN guesses AS g ON g.subject = s.subject
  ) AS failed
)
