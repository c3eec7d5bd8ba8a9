-- Opens a run, where model and version are declared, neither is hidden, and the external id is new.
-- ?1 run, ?2 owner, ?3 model, ?4 benchmark, ?5 version, ?6 harness, ?7 its version, ?8 commit, ?9 whether the harness
-- was dirty, ?10 hash of the prompt, ?11 generation configuration in JSON, ?12 attempts policy, ?13 command, ?14
-- evaluator relationship, ?15 external id, ?16 the request in canonical JSON, ?17 start, ?18 completion, ?19 now, ?20
-- system, ?21 and ?22 name and version of its agent, ?23 its configuration, ?24 links and ?25 conditions
-- in JSON, ?26 seal
INSERT INTO runs (
  id, owner_id, model_id, benchmark_id, version, harness, harness_version, commit_hash, dirty, prompt_hash,
  generation_config, attempts_policy, command, evaluator_relationship, external_id, request, started_at,
  completed_at, created_at, system_id, agent_name, agent_version, configuration, links,
  conditions, seal_id
)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
  ?21, ?22, ?23, ?24, ?25, ?26
WHERE EXISTS (SELECT 1 FROM models WHERE id = ?3 AND hidden_reason IS NULL)
  AND EXISTS (SELECT 1 FROM benchmarks WHERE id = ?4 AND hidden_reason IS NULL)
  AND EXISTS (SELECT 1 FROM benchmark_versions WHERE benchmark_id = ?4 AND version = ?5)
ON CONFLICT (owner_id, external_id) DO NOTHING
