-- Loads runs. Nobody owns them, and a dataset does not tell the requests that opened them.
-- ?1 rows of runs, as a JSON array of objects
INSERT INTO runs (
  id, model_id, benchmark_id, version, harness, harness_version, commit_hash, dirty, prompt_hash,
  generation_config, attempts_policy, command, evaluator_relationship, external_id, started_at, completed_at,
  conditions, status, reason, created_at, published_at, withdrawn_at, system_id, agent_name, agent_version, configuration,
  links, series, published_seq, seal_id, request
)
SELECT
  value ->> 'id', value ->> 'model_id', value ->> 'benchmark_id', value ->> 'version', value ->> 'harness',
  value ->> 'harness_version', value ->> 'commit_hash', value ->> 'dirty', value ->> 'prompt_hash',
  value ->> 'generation_config', value ->> 'attempts_policy', value ->> 'command',
  value ->> 'evaluator_relationship', value ->> 'external_id', value ->> 'started_at',
  value ->> 'completed_at', value ->> 'conditions', value ->> 'status', value ->> 'reason', value ->> 'created_at',
  value ->> 'published_at', value ->> 'withdrawn_at', value ->> 'system_id', value ->> 'agent_name',
  value ->> 'agent_version', value ->> 'configuration', value ->> 'links', value ->> 'series',
  value ->> 'published_seq', value ->> 'seal_id', '{}'
FROM json_each(?1)
