-- Finds keys that reached their limits from hour ?1 on and whose owners may be told at ?2: who wants to be or has
-- webhooks, and was not within ?3 ms. ?4 at most.
SELECT h.key_id AS id, k.name, k.key_prefix, k.user_id
FROM api_key_usage AS h INDEXED BY api_key_usage_limited
  CROSS JOIN api_keys AS k ON k.id = h.key_id
  CROSS JOIN users AS u ON u.id = k.user_id
WHERE h.hour >= ?1 AND h.limited > 0 AND k.status = 'active' AND (k.expires_at IS NULL OR k.expires_at > ?2)
  AND u.status = 'active'
  AND (
    u.tell_key_limits = 1
    OR EXISTS (SELECT 1 FROM webhooks AS w WHERE w.user_id = u.id AND w.status = 'enabled')
  )
  AND (u.told_of_limit_at IS NULL OR u.told_of_limit_at <= ?2 - ?3)
LIMIT CAST(?4 AS INTEGER)
