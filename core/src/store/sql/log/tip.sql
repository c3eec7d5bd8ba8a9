-- Finds how many leaves the log has, and with which keys a head of this size was signed; nothing where it has none.
SELECT
  l.idx + 1 AS size,
  (SELECT json_group_array(h.key_id) FROM log_heads AS h WHERE h.size = l.idx + 1) AS key_ids
FROM log_leaves AS l
WHERE l.idx = (SELECT max(idx) FROM log_leaves)
