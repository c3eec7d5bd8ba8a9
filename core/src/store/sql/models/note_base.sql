-- Notes on the benchmarks whose boards a model may stand on that it becomes a variant of another one, where its owner says so.
-- ?1 model, ?2 owner, ?3 the model that it is a variant of
UPDATE benchmarks SET rebases = rebases + 1
WHERE id IN (SELECT r.benchmark_id FROM runs AS r WHERE r.model_id = ?1 AND r.published_at IS NOT NULL)
  AND EXISTS (SELECT 1 FROM models AS m WHERE m.id = ?1 AND m.owner_id = ?2 AND m.base_model IS NOT ?3)
