-- Guard `only_registration`: no other registration of the same address, with a password of its own, can be confirmed
-- besides that of the link ?1, at ?2.
INSERT INTO batch_guard (expectation)
SELECT 'only_registration'
WHERE EXISTS (
  SELECT 1
  FROM one_time_tokens AS t JOIN one_time_tokens AS o ON o.user_id = t.user_id AND o.purpose = 'verify_email'
  WHERE t.hash = ?1 AND o.password_hash IS NOT t.password_hash AND o.used_at IS NULL AND o.expires_at > ?2
)
