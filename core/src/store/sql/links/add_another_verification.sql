-- Adds another link ?2, from ?3 until ?4, that verifies the address ?1 where it is not verified yet, with what the newest
-- registration from the network ?5 chose; where there is none, with what the account has.
INSERT INTO one_time_tokens (hash, user_id, purpose, created_at, expires_at, password_hash, full_name, network)
SELECT
  ?2, u.id, 'verify_email', ?3, ?4,
  CASE WHEN t.hash IS NULL THEN u.password_hash ELSE t.password_hash END,
  CASE WHEN t.hash IS NULL THEN u.full_name ELSE t.full_name END,
  t.network
FROM users AS u
LEFT JOIN one_time_tokens AS t ON t.hash = (
  SELECT o.hash FROM one_time_tokens AS o
  WHERE o.user_id = u.id AND o.purpose = 'verify_email' AND o.network = ?5
  ORDER BY o.created_at DESC LIMIT 1
)
WHERE u.email = ?1 AND u.email_verified = 0
