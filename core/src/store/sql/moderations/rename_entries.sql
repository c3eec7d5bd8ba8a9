-- Gives model ?1 the name ?2 in every snapshot: those of the past do not show the name either that was taken away.
UPDATE leaderboard_entries SET display_name = ?2
WHERE run_id IN (SELECT r.id FROM runs AS r WHERE r.model_id = ?1) AND display_name <> ?2
