-- Lists lines of the log of a benchmark before a place, newest first: publications, withdrawals and rejections, seals,
-- and moderation. What moderation did, and a seal, stands after the snapshot that was the newest then. Of what is
-- hidden the log tells nothing, nor that it moved.
-- ?1 and ?3 the place of the line before: its snapshot's and moderation's, ?2 rows, ?4 benchmark, ?5 whether to tell
-- which other systems moved, which is most of what a line takes
SELECT *
FROM (
  SELECT
    seq, act, id, kind, created_at, benchmark_id, version, model_id, system_id, agent_name, agent_version,
    configuration, run_id, reason, previous_run_id, current_run_id, rank_before, rank_after,
    CASE WHEN ?5 THEN moved END AS moved, name, seal_id
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
