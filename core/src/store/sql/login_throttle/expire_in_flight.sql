-- Forgets, at ?1, what was broken off an hour ago: until then a wrong one that is told late still counts. ?2 at most.
DELETE FROM guesses_in_flight WHERE (id, subject) IN (
  SELECT g.id, g.subject FROM guesses_in_flight AS g WHERE g.expires_at < ?1 - 3600000 ORDER BY g.expires_at LIMIT ?2
)
RETURNING 1
