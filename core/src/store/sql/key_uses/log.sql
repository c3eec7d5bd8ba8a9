-- What a limit of a key has admitted and still counts, oldest first.
-- ?1 the id of the first key that shares it; ?2 the time now; ?3 the window in milliseconds.
SELECT t.at, t.cost FROM rate_limit_totals AS t
WHERE t.subject = ?1 AND t.name = 'key' AND t.at > ?2 - ?3
ORDER BY t.at
