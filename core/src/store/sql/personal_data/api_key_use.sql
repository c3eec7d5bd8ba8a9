-- What was counted of the API keys of person ?1, by key and day, newest first: ?2 rows at most, after day ?3 and key ?4.
SELECT
  h.key_id, h.hour - h.hour % 86400000 AS day, sum(h.allowed) AS allowed, sum(h.limited) AS limited,
  sum(h.denied) AS denied, h.hour - h.hour % 86400000 AS place_at, h.key_id AS place_id
FROM api_key_usage AS h
WHERE h.key_id IN (SELECT k.id FROM api_keys AS k WHERE k.user_id = ?1)
  AND h.hour < ?3 + 86400000
  AND (h.hour < ?3 OR h.key_id > ?4)
GROUP BY h.key_id, day
ORDER BY day DESC, h.key_id
LIMIT ?2
