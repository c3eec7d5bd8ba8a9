-- Queues, at ?4, what the public log has since for webhooks that are told of it and were not told up to the line (?2, ?3): the
-- farthest behind first, one for each id of the array ?1. It comes before follow_log.sql.
INSERT INTO webhook_deliveries (
  webhook_id, id, event, from_seq, from_act, to_seq, to_act, created_at, next_attempt_at
)
SELECT b.id, i.value, 'log.changed', b.log_seq, b.log_act, ?2, ?3, ?4, ?4
FROM (
  SELECT w.id, w.log_seq, w.log_act, row_number() OVER (ORDER BY w.log_seq, w.log_act, w.id) - 1 AS place
  FROM (
    SELECT f.id, f.log_seq, f.log_act
    FROM webhooks AS f INDEXED BY webhooks_behind
    WHERE f.follows_log = 1 AND f.log_waits = 0 AND f.status = 'enabled' AND (f.log_seq, f.log_act) < (?2, ?3)
    ORDER BY f.log_seq, f.log_act
    LIMIT json_array_length(?1)
  ) AS w
) AS b
  CROSS JOIN json_each(?1) AS i ON i.key = b.place
