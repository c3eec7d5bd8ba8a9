-- Makes webhook ?1 of person ?2, where they have fewer than ?9. Returns a row where it is made.
--
-- ?3, ?4, ?5  its address, what its owner says of it, and the events, as an array
-- ?6          its secret, sealed
-- ?7          now
-- ?8          whether it is told of the public log: from its newest line on
INSERT INTO webhooks (id, user_id, url, description, events, secret, created_at, follows_log, log_seq, log_act)
SELECT
  ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,
  coalesce((SELECT max(seq) FROM changes), 0),
  max(coalesce((SELECT max(seq) FROM moderations), 0), coalesce((SELECT max(act) FROM seals), 0))
WHERE (SELECT count(*) FROM webhooks AS o WHERE o.user_id = ?2) < ?9
RETURNING 1
