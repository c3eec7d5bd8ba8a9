-- Wipes, at ?1, from where registrations came that nobody has proved for ?3 ms, and that no link can prove any more; of
-- ?2 accounts at most. Accounts of another system, which nobody registered here, stay.
UPDATE audit_events SET ip = NULL, user_agent = NULL
WHERE ip IS NOT NULL AND user_id IN (
  SELECT u.id FROM users AS u
  WHERE u.email_verified = 0 AND u.self_registered = 1 AND u.created_at < ?1 - ?3
    AND NOT EXISTS (SELECT 1 FROM one_time_tokens AS t WHERE t.user_id = u.id AND t.expires_at > ?1)
  ORDER BY u.created_at, u.id LIMIT ?2
)
