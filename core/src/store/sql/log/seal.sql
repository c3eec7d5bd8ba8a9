-- Reads a seal: every column, of which the data set tells some.
-- ?1 seal
SELECT * FROM seals WHERE id = ?1
