-- Forgets the failures at subject ?1: whoever guessed right is the owner.
DELETE FROM guesses WHERE subject = ?1
