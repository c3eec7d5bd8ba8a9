-- Finds keys that do not share the limit of the key that they were rotated from, or whose state contradicts its dates.
-- ?1 rows
SELECT 'key ' || k.id || ' is not of its family, or its state contradicts its dates' AS problem
FROM api_keys AS k
  LEFT JOIN api_keys AS p ON p.id = k.rotated_from
WHERE (k.status = 'revoked') <> (k.revoked_at IS NOT NULL)
  OR (k.rotated_from IS NULL AND k.first_key_id IS NOT NULL AND k.first_key_id <> k.id)
  OR (p.id IS NOT NULL AND (k.first_key_id, k.user_id) IS NOT (coalesce(p.first_key_id, p.id), p.user_id))
ORDER BY k.id
LIMIT CAST(?1 AS INTEGER)
