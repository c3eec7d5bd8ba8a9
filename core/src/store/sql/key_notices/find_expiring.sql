-- Finds keys whose owners are to be told at ?1 that they expire, ?2 at most. Each has the days that its owner is told of then
-- (`days`): of several that have passed, the last.
SELECT
  k.id, k.user_id, k.name, k.key_prefix, k.expires_at,
  CASE WHEN k.expires_at - ?1 <= 86400000 THEN 1 WHEN k.expires_at - ?1 <= 604800000 THEN 7 ELSE 30 END AS days
FROM api_keys AS k
WHERE k.reminder_at <= ?1
ORDER BY k.reminder_at
LIMIT CAST(?2 AS INTEGER)
