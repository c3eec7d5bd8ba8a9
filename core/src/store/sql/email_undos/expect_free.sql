-- Guard `address_free`: the new address of the link ?1 is not kept, at ?2, for somebody else.
INSERT INTO batch_guard (expectation)
SELECT 'address_free'
WHERE EXISTS (
  SELECT 1
  FROM one_time_tokens AS t JOIN email_undos AS e ON e.old_email = t.new_email AND e.user_id <> t.user_id
  WHERE t.hash = ?1 AND e.used_at IS NULL AND e.expires_at > ?2
)
