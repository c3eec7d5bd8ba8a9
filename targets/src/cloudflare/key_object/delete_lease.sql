-- Ends the lease ?1.
DELETE FROM leases WHERE id = ?1
