-- Finds counts of the use of keys that cannot be.
-- ?1 rows
SELECT 'the use of key ' || key_id || ' in the hour of ' || hour || ' was counted wrongly' AS problem
FROM api_key_usage
WHERE min(allowed, limited, denied) < 0
  OR hour % 3600000 <> 0
  OR (allowed > 0 AND last_used_at IS NULL)
  OR last_used_at < hour
ORDER BY key_id, hour
LIMIT CAST(?1 AS INTEGER)
