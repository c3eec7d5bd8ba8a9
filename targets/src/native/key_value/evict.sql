-- Makes room: forgets the tenth of the entries that expires first.
DELETE FROM entries WHERE key IN (
  SELECT key FROM entries ORDER BY expires_at LIMIT (SELECT count(*) / 10 + 1 FROM entries)
)
