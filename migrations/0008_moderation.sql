-- Services of the platform, keys that share a limit with those they were rotated from, and moderation.

-- The check of a column cannot be changed: another column takes its place, with the role `service`.
ALTER TABLE users ADD COLUMN any_role TEXT NOT NULL DEFAULT 'user' CHECK (any_role IN ('user', 'publisher', 'service', 'admin'));
UPDATE users SET any_role = role;
ALTER TABLE users DROP COLUMN role;
ALTER TABLE users RENAME COLUMN any_role TO role;

-- The first of the keys that were rotated one into the other; empty for itself. They share one limit.
ALTER TABLE api_keys ADD COLUMN first_key_id TEXT;
UPDATE api_keys AS k SET first_key_id = (
  WITH RECURSIVE earlier (id, rotated_from) AS (
    SELECT f.id, f.rotated_from FROM api_keys AS f WHERE f.id = k.rotated_from
    UNION ALL SELECT f.id, f.rotated_from FROM earlier AS e JOIN api_keys AS f ON f.id = e.rotated_from)
  SELECT id FROM earlier WHERE rotated_from IS NULL OR rotated_from NOT IN (SELECT id FROM api_keys))
  WHERE rotated_from IS NOT NULL;
