-- Forgets every request of caller ?1.
DELETE FROM idempotent_requests WHERE caller = ?1
