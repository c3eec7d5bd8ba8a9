-- Forgets, at ?1, links a week after their end; ?2 at most.
DELETE FROM one_time_tokens WHERE hash IN (
  SELECT t.hash FROM one_time_tokens AS t WHERE t.expires_at < ?1 - 604800000 ORDER BY t.expires_at LIMIT ?2
)
RETURNING 1
