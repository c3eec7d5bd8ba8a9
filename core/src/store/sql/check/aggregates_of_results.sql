-- Finds published runs whose kept score is not what their results come to: tasks, attempts, passes (where scores are
-- shares), and the mean over tasks of each task's mean, but for what rounding takes. Those of packed runs are not here.
-- ?1 rows
WITH task AS (
  SELECT
    x.run_id, avg(x.score) AS score, sum(coalesce(x.samples, 1)) AS total,
    sum(coalesce(x.correct, CASE WHEN v.unit IS NULL AND v.bounds IS NULL THEN x.score >= 1 ELSE 0 END)) AS correct
  FROM results AS x
    JOIN runs AS r ON r.id = x.run_id AND r.published_at IS NOT NULL
    JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version
  GROUP BY x.run_id, x.task_id
),
run AS (
  SELECT run_id, count(*) AS tasks, sum(total) AS total, sum(correct) AS correct, avg(score) AS score
  FROM task
  GROUP BY run_id
)
SELECT 'run ' || r.id || ' is kept with another score than its results come to' AS problem
FROM runs AS r
  JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version AND v.evidence = 'results'
  LEFT JOIN run AS u ON u.run_id = r.id
  LEFT JOIN run_slices AS s ON s.run_id = r.id AND s.scenario = '' AND s.language = '' AND s.difficulty = ''
  LEFT JOIN run_scores AS p ON p.run_id = r.id
WHERE r.published_at IS NOT NULL
  AND r.packed_at IS NULL
  -- Results at private tasks stay at home: a copy of a data set has none.
  AND (u.run_id IS NOT NULL OR NOT v.private_tasks)
  AND (
    s.run_id IS NULL
    OR p.run_id IS NULL
    OR u.run_id IS NULL
    OR (s.tasks, s.total, s.correct) <> (u.tasks, u.total, u.correct)
    OR abs(s.score - u.score) > 1e-9 * max(1, abs(u.score))
    OR json_array_length(p.scores) <> u.tasks
  )
ORDER BY r.id
LIMIT CAST(?1 AS INTEGER)
