-- The password hash of the registration that the link ?1 was mailed for, while it works, at ?2: where the address is
-- verified anew, that of the account.
SELECT CASE WHEN u.email_verified = 1 THEN u.password_hash ELSE t.password_hash END AS password_hash
FROM one_time_tokens AS t JOIN users AS u ON u.id = t.user_id
WHERE t.hash = ?1 AND t.purpose = 'verify_email' AND t.used_at IS NULL AND t.expires_at > ?2 AND u.status = 'active'
