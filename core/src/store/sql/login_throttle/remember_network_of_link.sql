-- Notes that the person of the mailed link ?1 came from the network ?2, at ?3.
INSERT INTO known_networks (user_id, network, first_seen_at, last_seen_at)
SELECT user_id, ?2, ?3, ?3 FROM one_time_tokens WHERE hash = ?1
ON CONFLICT (user_id, network) DO UPDATE SET last_seen_at = excluded.last_seen_at
