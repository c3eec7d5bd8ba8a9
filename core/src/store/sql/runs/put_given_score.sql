-- Stores the score that a source publishes of a run, in place of the one that it has.
-- ?1 run, ?2 score, ?3 standard error, ?4 and ?5 ends of the 95 % interval, ?6 tasks, ?7 samples, ?8 cost in US dollars,
-- ?9 mean latency in ms
INSERT INTO run_given_scores (
  run_id, score, standard_error, interval_low, interval_high, tasks, samples, cost_usd, mean_latency_ms
)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
ON CONFLICT (run_id) DO UPDATE SET
  score = excluded.score, standard_error = excluded.standard_error, interval_low = excluded.interval_low,
  interval_high = excluded.interval_high, tasks = excluded.tasks, samples = excluded.samples,
  cost_usd = excluded.cost_usd, mean_latency_ms = excluded.mean_latency_ms
