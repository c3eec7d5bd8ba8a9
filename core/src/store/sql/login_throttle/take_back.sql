-- Takes back the guess at subject ?1 of the time ?2, which was right, as if it had not been made.
UPDATE guesses SET
  failures = max(failures - 1, 0),
  last_at = CASE WHEN last_at = ?2 THEN previous_at ELSE last_at END
WHERE subject = ?1
