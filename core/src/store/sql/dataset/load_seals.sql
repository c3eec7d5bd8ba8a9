-- Loads seals of the models and versions that were loaded. Nobody owns them.
-- ?1 rows of seals, as a JSON array of objects
INSERT INTO seals (
  id, model_id, agent_name, agent_version, configuration, system_id, benchmark_id, version, harness,
  harness_version, commit_hash, tasks, attempts, stopping_rule, note, series, ordinal, sealed_at, after_seq,
  act
)
SELECT
  value ->> 'id', value ->> 'model_id', value ->> 'agent_name', value ->> 'agent_version',
  value ->> 'configuration', value ->> 'system_id', value ->> 'benchmark_id', value ->> 'version',
  value ->> 'harness', value ->> 'harness_version', value ->> 'commit_hash', value ->> 'tasks',
  value ->> 'attempts', value ->> 'stopping_rule', value ->> 'note', value ->> 'series', value ->> 'ordinal',
  value ->> 'sealed_at', value ->> 'after_seq', value ->> 'act'
FROM json_each(?1)
WHERE EXISTS (SELECT 1 FROM models AS m WHERE m.id = value ->> 'model_id')
  AND EXISTS (
    SELECT 1
    FROM benchmark_versions AS v
    WHERE v.benchmark_id = value ->> 'benchmark_id' AND v.version = value ->> 'version'
  )
