-- The account of the mailed link ?1 has moved: marks of addresses that it left are forgotten ?3 ms after ?2.
UPDATE undeliverable_addresses SET expires_at = ?2 + ?3
WHERE expires_at IS NULL
  AND user_id = (SELECT t.user_id FROM one_time_tokens AS t WHERE t.hash = ?1)
  AND email <> (SELECT u.email FROM one_time_tokens AS t JOIN users AS u ON u.id = t.user_id WHERE t.hash = ?1)
