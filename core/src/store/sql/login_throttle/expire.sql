-- Forgets, at ?1, what nobody added to for a day; ?2 subjects at most.
DELETE FROM guesses WHERE subject IN (
  SELECT g.subject FROM guesses AS g WHERE g.last_at < ?1 - 86400000 ORDER BY g.last_at LIMIT ?2
)
RETURNING 1
