-- Notes of each key of ?1 that its owner was told at ?2, or need not be: the next reminder is of fewer days.
-- ?1 as in queue_expiring.sql.
UPDATE api_keys AS k SET reminded = n.days
FROM (SELECT value ->> 'id' AS id, value ->> 'expiresAt' AS expires_at, value ->> 'days' AS days FROM json_each(?1)) AS n
WHERE k.id = n.id AND k.reminder_at <= ?2 AND k.expires_at = n.expires_at
