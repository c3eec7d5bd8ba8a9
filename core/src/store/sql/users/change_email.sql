-- Gives the person of the link ?1 the address that it proves, at ?2.
UPDATE users SET email = t.new_email, email_verified = 1, updated_at = ?2
FROM one_time_tokens AS t
WHERE t.hash = ?1 AND users.id = t.user_id
