-- Takes a run out of the ranking.
-- ?1 run, ?2 'withdrawn' or 'rejected', ?3 reason, ?4 now
UPDATE runs SET status = ?2, reason = ?3, withdrawn_at = ?4 WHERE id = ?1
