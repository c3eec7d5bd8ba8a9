-- Changes webhook ?1 of person ?2. What is null stays as it is, but for the description. Another address is
-- called as if nothing had failed, also while the one before is being called: that lease ends, and what is answered there is not
-- noted. Returns a row where there is one.
--
-- ?3      its address
-- ?4, ?5  whether the description changes, and what it becomes
-- ?6, ?7  the events, as an array, and whether the public log is among them: from its newest line on, where it was not
-- ?8      now
UPDATE webhooks SET
  url = coalesce(?3, url),
  lease = CASE WHEN url <> ?3 THEN NULL ELSE lease END,
  lease_until = CASE WHEN url <> ?3 THEN NULL ELSE lease_until END,
  held_until = CASE WHEN url <> ?3 THEN 0 ELSE held_until END,
  failures = CASE WHEN url <> ?3 THEN 0 ELSE failures END,
  failing_since = CASE WHEN url <> ?3 THEN NULL ELSE failing_since END,
  due_at = CASE WHEN url <> ?3 THEN min(due_at, CAST(?8 AS INTEGER)) ELSE due_at END,
  description = CASE WHEN ?4 = 1 THEN ?5 ELSE description END,
  events = coalesce(?6, events),
  follows_log = coalesce(?7, follows_log),
  log_seq = CASE
    WHEN follows_log = 0 AND ?7 = 1 THEN coalesce((SELECT max(c.seq) FROM changes AS c), 0)
    ELSE log_seq
  END,
  log_act = CASE
    WHEN follows_log = 0 AND ?7 = 1
      THEN max(coalesce((SELECT max(m.seq) FROM moderations AS m), 0), coalesce((SELECT max(s.act) FROM seals AS s), 0))
    ELSE log_act
  END
WHERE id = ?1 AND user_id = ?2
RETURNING 1
