-- Notes what came of the deliveries of ?1, at ?2, to webhooks that are still leased to ?3.
-- ?1 an array of objects with the members webhookId, id, attempts (as when it began), isTaken, isEmpty (nothing was left to send,
-- and nobody called), answer, failure, retryAt (null: it is given up), isGone, mailId, mail and payload (hexadecimal digits).
UPDATE webhook_deliveries AS d SET
  answer = n.answer,
  failure = n.failure,
  delivered_at = CASE WHEN n.is_taken = 1 OR n.is_empty = 1 THEN CAST(?2 AS INTEGER) END,
  next_attempt_at = n.retry_at
FROM (
  SELECT
    value ->> 'webhookId' AS webhook_id, value ->> 'id' AS id, value ->> 'attempts' AS attempts,
    value ->> 'isTaken' AS is_taken, value ->> 'isEmpty' AS is_empty, value ->> 'answer' AS answer,
    value ->> 'failure' AS failure, value ->> 'retryAt' AS retry_at
  FROM json_each(?1)
) AS n
WHERE d.webhook_id = n.webhook_id AND d.id = n.id AND d.attempts = n.attempts
  AND EXISTS (SELECT 1 FROM webhooks AS w WHERE w.id = n.webhook_id AND w.lease = ?3)
