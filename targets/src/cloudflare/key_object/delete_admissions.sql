-- Forgets what was admitted before ?1.
DELETE FROM admissions WHERE last < ?1
