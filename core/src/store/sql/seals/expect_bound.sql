-- Guards that the seal of a run that was just opened is its owner's ('seal_owner'), says the same as the run
-- ('seal_matches'), came before it began ('seal_order') and has no published run yet ('seal_unopened').
-- ?1 run
INSERT INTO batch_guard (expectation)
SELECT
  CASE
    WHEN s.id IS NULL OR s.owner_id IS NOT r.owner_id
      THEN 'seal_owner'
    WHEN s.model_id <> r.model_id
      OR s.agent_name IS NOT r.agent_name
      OR s.agent_version IS NOT r.agent_version
      OR s.configuration IS NOT r.configuration
      OR s.benchmark_id <> r.benchmark_id
      OR s.version <> r.version
      OR s.harness <> r.harness
      OR s.harness_version <> r.harness_version
      OR s.commit_hash IS NOT r.commit_hash
      THEN 'seal_matches'
    WHEN coalesce(r.started_at, r.completed_at) < s.sealed_at
      THEN 'seal_order'
    WHEN EXISTS (SELECT 1 FROM runs AS o WHERE o.seal_id = s.id AND o.published_at IS NOT NULL)
      THEN 'seal_unopened'
  END
FROM runs AS r
  LEFT JOIN seals AS s ON s.id = r.seal_id
WHERE r.id = ?1
  AND r.seal_id IS NOT NULL
  AND (
    s.id IS NULL
    OR s.owner_id IS NOT r.owner_id
    OR s.model_id <> r.model_id
    OR s.agent_name IS NOT r.agent_name
    OR s.agent_version IS NOT r.agent_version
    OR s.configuration IS NOT r.configuration
    OR s.benchmark_id <> r.benchmark_id
    OR s.version <> r.version
    OR s.harness <> r.harness
    OR s.harness_version <> r.harness_version
    OR s.commit_hash IS NOT r.commit_hash
    OR coalesce(r.started_at, r.completed_at) < s.sealed_at
    OR EXISTS (SELECT 1 FROM runs AS o WHERE o.seal_id = s.id AND o.published_at IS NOT NULL)
  )
