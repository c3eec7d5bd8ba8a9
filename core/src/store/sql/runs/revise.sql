-- The results of run ?1 are other ones, where the statement before it changed something.
UPDATE runs SET revision = revision + 1 WHERE id = ?1 AND changes() > 0
