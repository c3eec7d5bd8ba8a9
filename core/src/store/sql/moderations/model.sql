-- How moderation left a model.
-- ?1 id
SELECT id, owner_id, hidden_reason, display_name AS name, given_name IS NOT NULL AS renamed FROM models WHERE id = ?1
