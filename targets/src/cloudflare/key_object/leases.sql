-- Lists the outstanding leases.
SELECT id, cost, until FROM leases
