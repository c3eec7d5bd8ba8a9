-- Finds the leaf of a change.
-- ?1 change
SELECT idx FROM log_leaves WHERE change_id = ?1
