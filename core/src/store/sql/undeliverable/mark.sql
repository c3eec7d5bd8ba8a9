-- Marks, at ?2, the addresses of ?1 as undeliverable, each where it is that of an account, or of a mail that was tried for
-- one. ?1 is a list of events in JSON, in the order in which they happened: `email`, `cause`, `at` (when), and `id`, that of
-- the security event. An event from before the address was verified (providers tell whole seconds), or that was told
-- before, changes nothing; a complaint takes the place of a bounce, and what is told of an account's address, of what was
-- told of it as nobody's. An address that is no account's is forgotten after ?3 ms.
INSERT INTO undeliverable_addresses (email, user_id, cause, since, event_at, event_id, expires_at)
SELECT
  n.email, coalesce(u.id, o.id), n.cause, CAST(?2 AS INTEGER), n.at, n.id,
  CASE WHEN u.id IS NULL THEN CAST(?2 + ?3 AS INTEGER) END
FROM (
    SELECT value ->> 'email' AS email, value ->> 'cause' AS cause, value ->> 'at' AS at, value ->> 'id' AS id
    FROM json_each(?1)
  ) AS n
  LEFT JOIN users AS u ON u.email = n.email
  LEFT JOIN users AS o ON o.id = (
    SELECT m.user_id FROM outbox AS m
    WHERE m.recipient = n.email AND m.attempts > 0 AND m.user_id IS NOT NULL
    ORDER BY m.created_at DESC, m.id DESC
    LIMIT 1
  )
WHERE coalesce(u.id, o.id) IS NOT NULL
ON CONFLICT (email) DO UPDATE SET
  user_id = excluded.user_id,
  cause = excluded.cause,
  since = excluded.since,
  event_at = excluded.event_at,
  event_id = excluded.event_id,
  expires_at = excluded.expires_at
WHERE excluded.event_at > coalesce(undeliverable_addresses.verified_at, 0) - 1000
  AND (
    (undeliverable_addresses.cause IS NULL AND excluded.event_at > undeliverable_addresses.event_at)
    OR (undeliverable_addresses.cause = 'bounce' AND excluded.cause = 'complaint')
    OR (undeliverable_addresses.expires_at IS NOT NULL AND excluded.expires_at IS NULL AND excluded.event_at > undeliverable_addresses.event_at)
  )
