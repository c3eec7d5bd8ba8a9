-- After mark.sql with the same list ?1: records the security event ?3, at ?2, of each account whose address it has marked.
INSERT INTO audit_events (id, at, event, details, user_id)
SELECT
  n.id, CAST(?2 AS INTEGER), ?3, json_object('cause', n.cause, 'provider', n.provider), u.id
FROM (
    SELECT value ->> 'email' AS email, value ->> 'cause' AS cause, value ->> 'provider' AS provider, value ->> 'id' AS id
    FROM json_each(?1)
  ) AS n
  CROSS JOIN undeliverable_addresses AS a ON a.email = n.email AND a.event_id = n.id
  CROSS JOIN users AS u ON u.email = n.email
