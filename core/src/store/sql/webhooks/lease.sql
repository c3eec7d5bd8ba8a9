-- Leases webhooks that are due at ?1, ?2 of them at most and two of each person, to ?3 until ?4. Those of people who are suspended
-- wait.
UPDATE webhooks SET lease = ?3, lease_until = ?4
WHERE id IN (
  SELECT f.id
  FROM (
    SELECT h.id, h.due_at, row_number() OVER (PARTITION BY h.user_id ORDER BY h.due_at) AS place
    FROM (
      SELECT w.id, w.user_id, w.due_at
      FROM webhooks AS w INDEXED BY webhooks_due
      WHERE w.due_at <= ?1 AND w.status = 'enabled' AND (w.lease_until IS NULL OR w.lease_until <= ?1)
        AND EXISTS (SELECT 1 FROM users AS u WHERE u.id = w.user_id AND u.status = 'active')
      ORDER BY w.due_at
      -- A person has ten: these are of as many people as are wanted, where so many wait.
      LIMIT CAST(?2 * 10 AS INTEGER)
    ) AS h
  ) AS f
  WHERE f.place <= 2
  ORDER BY f.due_at
  LIMIT CAST(?2 AS INTEGER)
)
