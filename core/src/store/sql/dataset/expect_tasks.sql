-- Guards that the versions that were loaded have the tasks that their definitions name.
-- ?1 rows of benchmark_versions, as a JSON array of objects
INSERT INTO batch_guard (expectation)
SELECT 'dataset_complete'
FROM json_each(?1) AS v
WHERE EXISTS (
  SELECT 1
  FROM benchmark_versions AS b
  WHERE b.benchmark_id = v.value ->> 'benchmark_id' AND b.version = v.value ->> 'version'
)
  AND (
    json_array_length(v.value, '$.definition.tasks')
      <> (
        SELECT count(*)
        FROM benchmark_tasks AS t
        WHERE t.benchmark_id = v.value ->> 'benchmark_id' AND t.version = v.value ->> 'version'
      )
      OR EXISTS (
        SELECT 1
        FROM json_each(v.value, '$.definition.tasks') AS d
        WHERE NOT EXISTS (
          SELECT 1
          FROM benchmark_tasks AS t
          WHERE t.benchmark_id = v.value ->> 'benchmark_id'
            AND t.version = v.value ->> 'version'
            AND t.task_id = d.value ->> 'id'
            AND (t.position, t.scenario, t.language, t.difficulty, t.cluster)
              IS (
                d.key, d.value ->> 'scenario', d.value ->> 'language', d.value ->> 'difficulty',
                d.value ->> 'cluster'
              )
        )
      )
  )
