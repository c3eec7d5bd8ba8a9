-- Enters what stands of the run's system and has no entry. It is contaminated where the model's training ended no
-- earlier than the tasks were published, as far as both dates tell: each is a day or a month.
-- ?1 run, ?2 snapshot
INSERT INTO leaderboard_entries (
  benchmark_id, version, model_id, system_id, run_id, from_seq, display_name, contaminated, ranked
)
SELECT
  s.benchmark_id, s.version, s.model_id, s.system_id, s.id,
  (SELECT seq FROM snapshots WHERE id = ?2),
  m.display_name,
  coalesce(
    substr(m.training_cutoff, 1, min(length(m.training_cutoff), length(v.tasks_published_on)))
      >= substr(v.tasks_published_on, 1, min(length(m.training_cutoff), length(v.tasks_published_on))),
    0
  ),
  s.ranked
FROM runs AS x
  CROSS JOIN standing_runs AS s
    ON s.benchmark_id = x.benchmark_id
    AND s.version = x.version
    AND s.system_id = x.system_id
  CROSS JOIN models AS m ON m.id = s.model_id
  CROSS JOIN benchmark_versions AS v ON v.benchmark_id = s.benchmark_id AND v.version = s.version
WHERE x.id = ?1
  AND NOT EXISTS (SELECT 1 FROM leaderboard_entries AS e WHERE e.run_id = s.id AND e.to_seq IS NULL)
