-- Ids of models and benchmarks are compared without regard to case: from now on they are in lower case. Where two differ in
-- case alone, both stay as they are.

-- Ids and what refers to them change together.
PRAGMA defer_foreign_keys = ON;

UPDATE models SET id = lower(id), provider = lower(provider)
  WHERE id <> lower(id) AND (SELECT count(*) FROM models AS m WHERE lower(m.id) = lower(models.id)) = 1;
UPDATE runs SET model_id = lower(model_id), request = json_set(request, '$.model', lower(model_id))
  WHERE model_id <> lower(model_id) AND model_id NOT IN (SELECT id FROM models);
UPDATE leaderboard_entries SET model_id = lower(model_id)
  WHERE model_id <> lower(model_id) AND model_id NOT IN (SELECT id FROM models);
UPDATE changes SET model_id = lower(model_id)
  WHERE model_id <> lower(model_id) AND model_id NOT IN (SELECT id FROM models);
UPDATE moderations SET model_id = lower(model_id)
  WHERE model_id <> lower(model_id) AND model_id NOT IN (SELECT id FROM models);
UPDATE changes SET moved = (SELECT json_group_array(json_set(m.value, '$.model',
    CASE WHEN m.value ->> 'model' IN (SELECT id FROM models) THEN m.value ->> 'model' ELSE lower(m.value ->> 'model') END))
  FROM json_each(changes.moved) AS m)
  WHERE moved <> lower(moved);

UPDATE benchmarks SET id = lower(id)
  WHERE id <> lower(id) AND (SELECT count(*) FROM benchmarks AS b WHERE lower(b.id) = lower(benchmarks.id)) = 1;
UPDATE benchmark_versions SET benchmark_id = lower(benchmark_id)
  WHERE benchmark_id <> lower(benchmark_id) AND benchmark_id NOT IN (SELECT id FROM benchmarks);
UPDATE benchmark_definitions SET benchmark_id = lower(benchmark_id)
  WHERE benchmark_id <> lower(benchmark_id) AND benchmark_id NOT IN (SELECT id FROM benchmarks);
UPDATE benchmark_tasks SET benchmark_id = lower(benchmark_id)
  WHERE benchmark_id <> lower(benchmark_id) AND benchmark_id NOT IN (SELECT id FROM benchmarks);
UPDATE runs SET benchmark_id = lower(benchmark_id), request = json_set(request, '$.benchmark', lower(benchmark_id))
  WHERE benchmark_id <> lower(benchmark_id) AND benchmark_id NOT IN (SELECT id FROM benchmarks);
UPDATE snapshots SET benchmark_id = lower(benchmark_id)
  WHERE benchmark_id <> lower(benchmark_id) AND benchmark_id NOT IN (SELECT id FROM benchmarks);
UPDATE leaderboard_entries SET benchmark_id = lower(benchmark_id)
  WHERE benchmark_id <> lower(benchmark_id) AND benchmark_id NOT IN (SELECT id FROM benchmarks);
UPDATE changes SET benchmark_id = lower(benchmark_id)
  WHERE benchmark_id <> lower(benchmark_id) AND benchmark_id NOT IN (SELECT id FROM benchmarks);
UPDATE moderations SET benchmark_id = lower(benchmark_id)
  WHERE benchmark_id <> lower(benchmark_id) AND benchmark_id NOT IN (SELECT id FROM benchmarks);
