-- Notes that person ?1 has logged in from the network ?2, at ?3.
INSERT INTO known_networks (user_id, network, first_seen_at, last_seen_at) VALUES (?1, ?2, ?3, ?3)
ON CONFLICT (user_id, network) DO UPDATE SET last_seen_at = excluded.last_seen_at
