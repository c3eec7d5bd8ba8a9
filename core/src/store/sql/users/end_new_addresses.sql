-- Ends, at ?2, the links that would move the account of person ?1 to another address.
UPDATE one_time_tokens SET used_at = coalesce(used_at, ?2) WHERE user_id = ?1 AND purpose = 'change_email'
