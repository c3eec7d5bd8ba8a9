-- Wipes the particulars of person ?1, who leaves, from the events. What happened and when stays, and so does what they did
-- to others.
UPDATE audit_events SET
  ip = NULL,
  user_agent = NULL,
  details = CASE WHEN user_id = ?1 THEN '{}' ELSE details END
WHERE user_id = ?1 OR actor_id = ?1
