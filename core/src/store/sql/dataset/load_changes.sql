-- Loads changes.
-- ?1 rows of changes, as a JSON array of objects
INSERT INTO changes (
  seq, benchmark_id, kind, model_id, system_id, run_id, reason, previous_run_id, current_run_id, rank_before,
  rank_after, moved
)
SELECT
  value ->> 'seq', value ->> 'benchmark_id', value ->> 'kind', value ->> 'model_id', value ->> 'system_id',
  value ->> 'run_id', value ->> 'reason', value ->> 'previous_run_id', value ->> 'current_run_id',
  value ->> 'rank_before', value ->> 'rank_after', value ->> 'moved'
FROM json_each(?1)
