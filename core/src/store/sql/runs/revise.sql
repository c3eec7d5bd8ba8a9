-- Counts a change of the run's results, where the statement before made one.
-- ?1 run
UPDATE runs SET revision = revision + 1 WHERE id = ?1 AND changes() > 0
