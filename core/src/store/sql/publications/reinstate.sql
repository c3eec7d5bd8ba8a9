-- Enters the latest run of the same model that is still published, where the model has no entry left. What is
-- contaminated, publications/add_entry.sql says.
-- ?1 the run that is gone, ?2 snapshot
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
FROM runs AS gone
  JOIN leaderboard_entries AS e
    ON e.benchmark_id = gone.benchmark_id
    AND e.version = gone.version
    AND e.model_id = gone.model_id
  JOIN runs AS r ON r.id = e.run_id AND r.status = 'published'
  JOIN models AS m ON m.id = r.model_id
  JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version
WHERE gone.id = ?1
  AND NOT EXISTS (
    SELECT 1
    FROM leaderboard_entries AS c
    WHERE c.benchmark_id = gone.benchmark_id
      AND c.version = gone.version
      AND c.model_id = gone.model_id
      AND c.to_seq IS NULL
  )
GROUP BY r.id
ORDER BY min(e.from_seq) DESC
LIMIT 1
