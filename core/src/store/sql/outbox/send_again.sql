-- Makes mail ?1 due at ?2: one that was given up, or whose next attempt is later. Not one that was sent, has no text any
-- more, is due already, or was taken within the last ?3 ms, since somebody may be sending it (claim.sql says when a mail
-- was taken).
UPDATE outbox SET next_attempt_at = ?2
WHERE id = ?1
  AND sent_at IS NULL
  AND payload IS NOT NULL
  AND (
    next_attempt_at IS NULL
    OR (
      next_attempt_at > ?2
      AND next_attempt_at - min(14400000, 30000 * (1 << min(max(attempts - 1, 0), 9))) + ?3 <= ?2
    )
  )
