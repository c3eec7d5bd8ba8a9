-- Finds the newest snapshot that the log of changes has.
SELECT n.id, n.seq, n.created_at FROM snapshots AS n WHERE n.seq = (SELECT max(seq) FROM changes)
