-- When a model's `base_model` last changed, each time later than any before; null: it never did. Boards show what a model
-- is a variant of as it is now, whatever their snapshot.
ALTER TABLE models ADD COLUMN rebased_at INTEGER;
CREATE INDEX models_rebased ON models (rebased_at) WHERE rebased_at IS NOT NULL;
