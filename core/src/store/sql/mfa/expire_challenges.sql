-- Forgets, at ?1, the logins that nobody finished; ?2 at most.
DELETE FROM mfa_challenges WHERE hash IN (
  SELECT c.hash FROM mfa_challenges AS c WHERE c.expires_at < ?1 ORDER BY c.expires_at LIMIT ?2
)
RETURNING 1
