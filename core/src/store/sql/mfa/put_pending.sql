-- Adds the authenticator ?1 of person ?2 with the sealed secret ?3, at ?4, which waits for its first code. It replaces one
-- that waits, never one that is confirmed.
INSERT INTO totp_credentials (id, user_id, secret, created_at) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (user_id) DO UPDATE SET id = excluded.id, secret = excluded.secret, created_at = excluded.created_at
WHERE confirmed_at IS NULL
