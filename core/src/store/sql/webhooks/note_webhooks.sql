-- Notes of the webhooks of ?1, at ?2, whether they took what they were sent, disables those that took nothing for ?4 ms, or are
-- gone, and gives back those that are leased to ?3. Failures hold a webhook for 5 s, doubling up to an hour; of failures that lie
-- more than two days apart it is not known that nothing would have been taken in between. Of a webhook that nothing was left to
-- send to, nothing is known. The log goes on where what is given up of it began, and behind what is taken or was empty.
-- ?1 as in note_deliveries.sql
UPDATE webhooks AS w SET
  lease = NULL,
  lease_until = NULL,
  attempted_at = CASE WHEN n.is_empty = 1 THEN w.attempted_at ELSE ?2 END,
  failures = CASE WHEN n.is_empty = 1 THEN w.failures WHEN n.is_taken = 1 THEN 0 ELSE w.failures + 1 END,
  failing_since = CASE
    WHEN n.is_empty = 1 THEN w.failing_since
    WHEN n.is_taken = 1 THEN NULL
    WHEN n.is_continued = 1 THEN n.failing_since
    ELSE ?2
  END,
  held_until = CASE
    WHEN n.is_empty = 1 THEN w.held_until
    WHEN n.is_taken = 1 THEN 0
    ELSE CAST(?2 AS INTEGER) + min(3600000, 5000 << min(w.failures, 10))
  END,
  status = CASE WHEN n.ends_for IS NULL THEN w.status ELSE 'disabled' END,
  disabled_reason = coalesce(w.disabled_reason, n.ends_for),
  disabled_at = CASE WHEN n.ends_for IS NULL THEN w.disabled_at ELSE coalesce(w.disabled_at, CAST(?2 AS INTEGER)) END,
  log_seq = coalesce(n.log_seq, w.log_seq),
  log_act = coalesce(n.log_act, w.log_act),
  log_waits = CASE
    WHEN EXISTS (
      SELECT 1 FROM webhook_deliveries AS l
      WHERE l.webhook_id = w.id AND l.next_attempt_at IS NOT NULL AND l.event = 'log.changed'
    ) THEN 1
    ELSE 0
  END,
  due_at = CASE
    WHEN n.ends_for IS NOT NULL OR w.status = 'disabled' THEN NULL
    ELSE (
      SELECT max(
        min(d.next_attempt_at),
        -- However long the rest has waited: others who are due by now come first.
        CAST(?2 AS INTEGER) + CASE WHEN n.is_done = 1 THEN 0 ELSE min(3600000, 5000 << min(w.failures, 10)) END
      )
      FROM webhook_deliveries AS d
      WHERE d.webhook_id = w.id AND d.next_attempt_at IS NOT NULL
    )
  END
FROM (
  SELECT
    f.id, f.is_taken, f.is_empty, f.is_done, f.is_continued, f.failing_since,
    CASE
      WHEN f.is_done = 1 AND (f.log_seq, f.log_act) = (f.from_seq, f.from_act) THEN f.to_seq
      WHEN f.is_given_up = 1 AND (f.log_seq, f.log_act) = (f.to_seq, f.to_act) THEN f.from_seq
    END AS log_seq,
    CASE
      WHEN f.is_done = 1 AND (f.log_seq, f.log_act) = (f.from_seq, f.from_act) THEN f.to_act
      WHEN f.is_given_up = 1 AND (f.log_seq, f.log_act) = (f.to_seq, f.to_act) THEN f.from_act
    END AS log_act,
    CASE
      WHEN f.is_done = 1 THEN NULL
      WHEN f.is_gone = 1 THEN 'gone'
      WHEN f.is_continued = 1 AND f.failing_since <= ?2 - ?4 THEN 'failing'
    END AS ends_for
  FROM (
    SELECT
      h.id, h.failing_since, j.value ->> 'isTaken' AS is_taken, j.value ->> 'isEmpty' AS is_empty,
      j.value ->> 'isTaken' = 1 OR j.value ->> 'isEmpty' = 1 AS is_done, j.value ->> 'isGone' AS is_gone,
      h.failing_since IS NOT NULL AND h.attempted_at >= ?2 - 172800000 AS is_continued,
      j.value ->> 'isTaken' = 0 AND j.value ->> 'isEmpty' = 0 AND j.value ->> 'retryAt' IS NULL AS is_given_up,
      h.log_seq, h.log_act, d.from_seq, d.from_act, d.to_seq, d.to_act
    FROM json_each(?1) AS j
      CROSS JOIN webhooks AS h ON h.id = j.value ->> 'webhookId'
      LEFT JOIN webhook_deliveries AS d ON d.webhook_id = h.id AND d.id = j.value ->> 'id'
    WHERE h.lease = ?3
  ) AS f
) AS n
WHERE w.id = n.id
