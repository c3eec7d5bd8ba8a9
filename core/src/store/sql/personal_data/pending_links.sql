-- The mailed links of person ?1 that still work at ?5, oldest first: ?2 rows at most, from after time ?3 and place ?4.
-- A link's place begins as its hash does, and no more of the hash leaves the database.
SELECT purpose, new_email, created_at, expires_at, created_at AS place_at, hex(substr(hash, 1, 8)) AS place_id
FROM one_time_tokens
WHERE user_id = ?1 AND used_at IS NULL AND expires_at > ?5
  AND (created_at, hex(substr(hash, 1, 8))) > (?3, ?4)
ORDER BY created_at, place_id
LIMIT ?2
