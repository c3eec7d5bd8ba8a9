-- Forgets, at ?1, what was broken off an hour ago: until then a wrong one that is told late still counts.
DELETE FROM guesses_in_flight WHERE expires_at < ?1 - 3600000
