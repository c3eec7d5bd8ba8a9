-- The networks that person ?1 has logged in from: ?2 rows at most, after the first ?3.
SELECT network, first_seen_at, last_seen_at
FROM known_networks
WHERE user_id = ?1
ORDER BY network
LIMIT ?2 OFFSET ?3
