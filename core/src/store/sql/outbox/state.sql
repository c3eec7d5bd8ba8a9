-- Counts the mails that wait and those that were given up, ?1 at most of each, and tells when the oldest that waits was
-- asked for, among those that are due first.
SELECT
  w.waiting,
  w.oldest,
  (
    SELECT count(*)
    FROM (
      SELECT 1
      FROM outbox AS g INDEXED BY outbox_given_up
      WHERE g.next_attempt_at IS NULL AND g.sent_at IS NULL AND g.created_at > 0
      LIMIT CAST(?1 AS INTEGER)
    )
  ) AS given_up
FROM (
  SELECT count(*) AS waiting, min(d.created_at) AS oldest
  FROM (
    SELECT o.created_at
    FROM outbox AS o INDEXED BY outbox_due
    WHERE o.next_attempt_at > 0
    ORDER BY o.next_attempt_at
    LIMIT CAST(?1 AS INTEGER)
  ) AS d
) AS w
