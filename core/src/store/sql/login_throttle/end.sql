-- The password ?1 is not being checked any more.
DELETE FROM guesses_in_flight WHERE id = ?1
