-- Keeps a lease: its id ?1, its cost ?2, and when it counts as used up ?3.
INSERT INTO leases (id, cost, until) VALUES (?1, ?2, ?3)
