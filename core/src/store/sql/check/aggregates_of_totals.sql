-- Finds published runs of counts, or of a score that their source publishes, whose kept score is another one.
-- ?1 rows
SELECT 'run ' || r.id || ' is kept with another score than it was given' AS problem
FROM runs AS r
  JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version AND v.evidence <> 'results'
  LEFT JOIN run_slices AS s ON s.run_id = r.id AND s.scenario = '' AND s.language = '' AND s.difficulty = ''
  LEFT JOIN run_counts AS c ON c.run_id = r.id
  LEFT JOIN run_given_scores AS g ON g.run_id = r.id
WHERE r.published_at IS NOT NULL
  AND (
    s.run_id IS NULL
    OR (v.evidence = 'score' AND s.score IS NOT g.score)
    OR (
      v.evidence = 'counts'
      AND (s.total, s.correct)
        IS NOT (c.total, c.correct_by_attempt ->> (json_array_length(c.correct_by_attempt) - 1))
    )
  )
ORDER BY r.id
LIMIT CAST(?1 AS INTEGER)
