-- The log of changes as everyone may read it. Of what is hidden it tells nothing, nor that it moved. A later migration that
-- rebuilds one of the tables drops these views before, and makes them anew.

-- Publications, withdrawals and rejections: a line for each snapshot.
CREATE VIEW public_changes AS
SELECT
  c.seq, 0 AS act, n.id, c.kind, n.created_at, c.benchmark_id, n.version, c.model_id, c.run_id, c.reason,
  c.previous_run_id, c.current_run_id, c.rank_before, c.rank_after,
  CASE
    WHEN EXISTS (
      SELECT 1
      FROM json_each(c.moved) AS w
        JOIN models AS h ON h.id = w.value ->> 'model'
      WHERE h.hidden_reason IS NOT NULL
    )
      THEN (
        SELECT json_group_array(json(w.value))
        FROM json_each(c.moved) AS w
        WHERE NOT EXISTS (
          SELECT 1 FROM models AS h WHERE h.id = w.value ->> 'model' AND h.hidden_reason IS NOT NULL
        )
      )
    ELSE c.moved
  END AS moved,
  NULL AS name
FROM changes AS c
  CROSS JOIN snapshots AS n ON n.seq = c.seq
  CROSS JOIN models AS m ON m.id = c.model_id AND m.hidden_reason IS NULL
  CROSS JOIN benchmarks AS b ON b.id = c.benchmark_id AND b.hidden_reason IS NULL;

-- What moderation did, after the snapshot that was the newest then.
CREATE VIEW moderation_changes AS
SELECT
  o.after_seq AS seq, o.seq AS act, o.id, o.kind, o.created_at, o.benchmark_id, NULL AS version, o.model_id,
  NULL AS run_id, o.reason, NULL AS previous_run_id, NULL AS current_run_id, NULL AS rank_before,
  NULL AS rank_after, '[]' AS moved, o.name
FROM moderations AS o;
