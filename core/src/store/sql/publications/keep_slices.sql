-- Keeps slices of a run. Those that a publication which came to nothing had kept give way.
-- ?1 run, ?2 slices: a JSON array of arrays, each of scenario, language, difficulty and the other columns in their
-- order
INSERT INTO run_slices (
  run_id, scenario, language, difficulty, tasks, clusters, correct, total, score, squares, cost_usd, uncosted,
  p50_ms, p95_ms
)
SELECT
  ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
  value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12
FROM json_each(?2)
WHERE true
ON CONFLICT (run_id, scenario, language, difficulty) DO UPDATE SET
  tasks = excluded.tasks, clusters = excluded.clusters, correct = excluded.correct, total = excluded.total,
  score = excluded.score, squares = excluded.squares, cost_usd = excluded.cost_usd,
  uncosted = excluded.uncosted, p50_ms = excluded.p50_ms, p95_ms = excluded.p95_ms
