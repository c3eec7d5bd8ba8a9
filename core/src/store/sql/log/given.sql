-- Reads the counts of a run, or the score that its source publishes: no run has both.
-- ?1 run
SELECT
  r.id AS run_id, c.total, c.correct_by_attempt, g.score, g.standard_error, g.interval_low, g.interval_high, g.tasks,
  g.samples, coalesce(c.cost_usd, g.cost_usd) AS cost_usd,
  coalesce(c.mean_latency_ms, g.mean_latency_ms) AS mean_latency_ms, g.run_id IS NOT NULL AS is_score
FROM runs AS r
  LEFT JOIN run_counts AS c ON c.run_id = r.id
  LEFT JOIN run_given_scores AS g ON g.run_id = r.id
WHERE r.id = ?1 AND (c.run_id IS NOT NULL OR g.run_id IS NOT NULL)
