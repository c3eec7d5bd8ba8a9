-- Enters the run. It is contaminated where the model's training ended no earlier than the tasks were published, as
-- far as both dates tell: each is a day or a month.
-- ?1 run, ?2 snapshot
INSERT INTO leaderboard_entries (
  benchmark_id, version, model_id, run_id, from_seq, display_name, contaminated
)
SELECT
  r.benchmark_id, r.version, r.model_id, r.id,
  (SELECT seq FROM snapshots WHERE id = ?2),
  m.display_name,
  coalesce(
    substr(m.training_cutoff, 1, min(length(m.training_cutoff), length(v.tasks_published_on)))
      >= substr(v.tasks_published_on, 1, min(length(m.training_cutoff), length(v.tasks_published_on))),
    0
  )
FROM runs AS r
  JOIN models AS m ON m.id = r.model_id
  JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version
WHERE r.id = ?1
