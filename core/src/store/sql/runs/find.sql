-- Finds a run, with what its version says and what publishing kept of it.
-- ?1 run
SELECT
  r.id, r.owner_id, r.model_id, r.system_id, r.agent_name, r.agent_version, r.configuration, r.links,
  r.benchmark_id, r.version, r.harness, r.harness_version, r.commit_hash, r.evaluated_at,
  r.seal_id,
  r.dirty, r.prompt_hash, r.generation_config, r.attempts_policy, r.command, r.evaluator_relationship,
  r.external_id, r.request, r.started_at, r.completed_at, r.conditions, r.status, r.reason, r.created_at, r.published_at,
  r.withdrawn_at, r.revision, v.evidence, v.metric, v.direction, v.unit, v.bounds, v.task_count,
  v.attempts_per_task, v.private_tasks, v.parts, n.total AS counted_total, n.correct_by_attempt, n.cost_usd AS counted_cost, n.mean_latency_ms,
  s.tasks, s.clusters, s.correct, s.total, s.score, s.squares, s.cost_usd, s.uncosted, s.p50_ms, s.p95_ms,
  s.standard_error, s.interval_low, s.interval_high, g.score AS given_score, g.standard_error AS given_error,
  g.interval_low AS given_low, g.interval_high AS given_high, g.tasks AS given_tasks, g.samples AS given_samples,
  g.cost_usd AS given_cost, g.mean_latency_ms AS given_latency,
  p.pass_counts, p.parts AS part_scores, coalesce(hm.hidden_reason, hb.hidden_reason) AS hidden_reason
FROM runs AS r
  JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version
  JOIN models AS hm ON hm.id = r.model_id
  JOIN benchmarks AS hb ON hb.id = r.benchmark_id
  LEFT JOIN run_counts AS n ON n.run_id = r.id
  LEFT JOIN run_given_scores AS g ON g.run_id = r.id
  LEFT JOIN run_scores AS p ON p.run_id = r.id
  LEFT JOIN run_slices AS s ON s.run_id = r.id AND s.scenario = '' AND s.language = '' AND s.difficulty = ''
WHERE r.id = ?1
