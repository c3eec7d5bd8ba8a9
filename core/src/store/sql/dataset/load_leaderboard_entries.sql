-- Loads leaderboard entries.
-- ?1 rows of leaderboard_entries, as a JSON array of objects
INSERT INTO leaderboard_entries (
  benchmark_id, version, model_id, system_id, run_id, from_seq, to_seq, display_name, contaminated, ranked
)
SELECT
  value ->> 'benchmark_id', value ->> 'version', value ->> 'model_id', value ->> 'system_id',
  value ->> 'run_id', value ->> 'from_seq', value ->> 'to_seq', value ->> 'display_name',
  value ->> 'contaminated', value ->> 'ranked'
FROM json_each(?1)
