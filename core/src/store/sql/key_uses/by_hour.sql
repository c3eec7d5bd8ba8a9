-- Lists what was saved of the use of key ?1 from hour ?2 on and before ?3, oldest first.
SELECT hour, allowed, limited, denied, last_used_at FROM api_key_usage
WHERE key_id = ?1 AND hour >= ?2 AND hour < ?3
ORDER BY hour
