-- Says what person ?1 is told of by mail, at ?4: whether of keys that expire (?2), and of limits that are reached (?3). Null
-- leaves it as it is; nothing changes where it is so already.
UPDATE users SET
  tell_key_expiry = coalesce(?2, tell_key_expiry), tell_key_limits = coalesce(?3, tell_key_limits), updated_at = ?4
WHERE id = ?1
  AND (tell_key_expiry <> coalesce(?2, tell_key_expiry) OR tell_key_limits <> coalesce(?3, tell_key_limits))
