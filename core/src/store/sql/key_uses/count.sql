-- Counts what the statement before has just done, `charge.sql`: the uses that it charged, and the first that it did not.
-- ?1 as there; ?2 the time now; ?3 the start of its hour.
WITH asked AS MATERIALIZED (
  SELECT a.key AS place, a.value ->> 0 AS id, a.value ->> 2 AS denied, a.value ->> 3 AS verifier FROM json_each(?1) AS a
)
INSERT INTO api_key_usage (key_id, hour, allowed, limited, denied, last_used_at)
SELECT
  w.id,
  ?3,
  w.place < changes(),
  w.place = changes() AND NOT w.denied,
  w.place = changes() AND w.denied,
  CASE WHEN w.place < changes() THEN ?2 END
FROM asked AS w
WHERE w.place <= changes() AND EXISTS (
  SELECT 1 FROM api_keys AS k
  WHERE k.id = w.id AND (w.verifier IS NULL OR EXISTS (
    SELECT 1 FROM api_keys AS q JOIN users AS p ON p.id = q.user_id
    WHERE q.id = w.verifier AND (q.user_id = k.user_id OR p.role = 'service')
  ))
)
ON CONFLICT (key_id, hour) DO UPDATE SET
  allowed = allowed + excluded.allowed,
  limited = limited + excluded.limited,
  denied = denied + excluded.denied,
  last_used_at = coalesce(max(last_used_at, excluded.last_used_at), last_used_at, excluded.last_used_at)
