-- Lists what was admitted, oldest first.
SELECT some FROM admissions ORDER BY last, first
