-- Kills, at ?2, the links that undo the person's changes after that of ?1: whoever made it made those. Those of changes
-- before it go on.
UPDATE email_undos SET used_at = coalesce(used_at, ?2)
WHERE user_id = (SELECT user_id FROM email_undos WHERE hash = ?1)
  AND created_at >= (SELECT created_at FROM email_undos WHERE hash = ?1)
