-- Stores the counts of a run, in place of those that it has.
-- ?1 run, ?2 tasks tried, ?3 JSON array of the tasks passed by each attempt, ?4 cost in US dollars, ?5 mean latency
-- in ms
INSERT INTO run_counts (run_id, total, correct_by_attempt, cost_usd, mean_latency_ms)
VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (run_id) DO UPDATE SET
  total = excluded.total, correct_by_attempt = excluded.correct_by_attempt, cost_usd = excluded.cost_usd,
  mean_latency_ms = excluded.mean_latency_ms
