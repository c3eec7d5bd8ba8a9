-- Saves what was counted of keys in hours. Counts only grow, so that to save twice changes nothing.
-- ?1 an array of arrays: key id, start of the hour, allowed, limited, denied, last use (null where there is none).
INSERT INTO api_key_usage (key_id, hour, allowed, limited, denied, last_used_at)
SELECT c.value ->> 0, c.value ->> 1, c.value ->> 2, c.value ->> 3, c.value ->> 4, c.value ->> 5
FROM json_each(?1) AS c
WHERE EXISTS (SELECT 1 FROM api_keys AS k WHERE k.id = c.value ->> 0)
ON CONFLICT (key_id, hour) DO UPDATE SET
  allowed = max(allowed, excluded.allowed),
  limited = max(limited, excluded.limited),
  denied = max(denied, excluded.denied),
  last_used_at = coalesce(max(last_used_at, excluded.last_used_at), last_used_at, excluded.last_used_at)
