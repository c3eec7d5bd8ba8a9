-- The account of the link ?1 is about to move: its address so far gets a link of its own (?2), which undoes that from ?3
-- until ?4.
INSERT INTO email_undos (hash, user_id, old_email, created_at, expires_at)
SELECT ?2, u.id, u.email, ?3, ?4
FROM one_time_tokens AS t JOIN users AS u ON u.id = t.user_id
WHERE t.hash = ?1
