-- Lists the entries of a snapshot, each with the score of a slice. It looks up those that stand and those that stood
-- apart, so that it does not walk over runs which others have replaced; + keeps SQLite from reading the benchmark's other
-- versions. Hidden models have no entries, in no snapshot.
-- ?1 benchmark, ?2 version, ?3 snapshot's place in the order of all, ?4 scenario, ?5 language, ?6 difficulty; '' is
-- every value, ?7 whether also those that are not ranked
SELECT
  r.id AS run_id, e.model_id, e.system_id, e.ranked, r.agent_name, r.agent_version, r.configuration, r.links,
  e.display_name, e.contaminated, r.published_at, r.evaluated_at, r.evaluator_relationship, r.dirty,
  r.commit_hash IS NOT NULL AS pinned, r.seal_id, q.sealed_at,
  (
    SELECT c.ordinal
    FROM seals AS c
    WHERE c.series = r.series AND c.after_seq < ?3
    ORDER BY c.after_seq DESC, c.ordinal DESC
    LIMIT 1
  ) AS seals_sealed,
  (
    SELECT count(*)
    FROM runs AS o
    WHERE o.series = r.series AND o.published_seq <= ?3 AND o.seal_id IS NOT NULL AND o.published_at IS NOT NULL
  ) AS seals_opened,
  r.conditions, substr(r.attempts_policy, 1, 100) AS attempts_policy, m.base_model, s.tasks, s.clusters, s.correct,
  s.total, s.score, s.squares, s.cost_usd, s.uncosted, s.p50_ms, s.p95_ms,
  s.standard_error, s.interval_low, s.interval_high
FROM (
  SELECT *
  FROM leaderboard_entries
  WHERE benchmark_id = ?1 AND version = ?2 AND to_seq IS NULL AND +from_seq <= ?3
  UNION ALL
  SELECT *
  FROM leaderboard_entries
  WHERE benchmark_id = ?1 AND version = ?2 AND to_seq > ?3 AND from_seq <= ?3
) AS e
  JOIN models AS m ON m.id = e.model_id AND m.hidden_reason IS NULL
  JOIN runs AS r ON r.id = e.run_id AND (e.ranked = 1 OR ?7)
  LEFT JOIN seals AS q ON q.id = r.seal_id
  JOIN run_slices AS s ON s.run_id = e.run_id AND s.scenario = ?4 AND s.language = ?5 AND s.difficulty = ?6
