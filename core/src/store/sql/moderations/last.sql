-- When something was last hidden, shown again or renamed.
SELECT created_at FROM moderations WHERE seq = (SELECT max(seq) FROM moderations)
