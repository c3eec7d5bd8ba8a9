-- The networks that person ?1 has logged in from: ?2 rows at most, after network ?3.
SELECT network, first_seen_at, last_seen_at, 0 AS place_at, network AS place_id
FROM known_networks
WHERE user_id = ?1 AND network > ?3
ORDER BY network
LIMIT ?2
