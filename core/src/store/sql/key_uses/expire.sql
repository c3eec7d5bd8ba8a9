-- Forgets counts after 400 days, but for what tells when a key was last used.
-- ?1 the time now; ?2 how many at most.
DELETE FROM api_key_usage WHERE (key_id, hour) IN (
  SELECT h.key_id, h.hour FROM api_key_usage AS h
  WHERE h.hour < ?1 - 34560000000 AND EXISTS (
    SELECT 1 FROM api_key_usage AS n WHERE n.key_id = h.key_id AND n.hour > h.hour AND n.last_used_at IS NOT NULL
  )
  LIMIT ?2
)
RETURNING 1
