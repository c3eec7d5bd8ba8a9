-- Says what person ?1 is told of by mail, at ?5: whether of keys that expire (?2), of limits that are reached (?3), and of
-- logins from a new network (?4). Null leaves it as it is; nothing changes where it is so already.
UPDATE users SET
  tell_key_expiry = coalesce(?2, tell_key_expiry), tell_key_limits = coalesce(?3, tell_key_limits),
  tell_new_networks = coalesce(?4, tell_new_networks), updated_at = ?5
WHERE id = ?1
  AND (
    tell_key_expiry <> coalesce(?2, tell_key_expiry) OR tell_key_limits <> coalesce(?3, tell_key_limits)
    OR tell_new_networks <> coalesce(?4, tell_new_networks)
  )
