-- Lists lines of the log of a benchmark before a place, newest first: publications, withdrawals and rejections, seals,
-- and moderation. What moderation did, and a seal, stands after the snapshot that was the newest then. Of what is
-- hidden the log tells nothing, nor that it moved.
-- ?1 and ?3 the place of the line before: its snapshot's and moderation's, ?2 rows, ?4 benchmark
SELECT *
FROM (
  SELECT *
  FROM public_changes
  WHERE benchmark_id = ?4 AND seq < ?1 + (?3 > 0)
  ORDER BY seq DESC
  LIMIT ?2
)
UNION ALL
SELECT *
FROM (
  SELECT *
  FROM moderation_changes
  WHERE benchmark_id = ?4 AND (seq, act) < (?1, ?3)
  ORDER BY seq DESC, act DESC
  LIMIT ?2
)
UNION ALL
SELECT *
FROM (
  SELECT *
  FROM seal_changes
  WHERE benchmark_id = ?4 AND (seq, act) < (?1, ?3)
  ORDER BY seq DESC, act DESC
  LIMIT ?2
)
ORDER BY seq DESC, act DESC
LIMIT ?2
