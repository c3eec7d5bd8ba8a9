-- How moderation left model ?1.
SELECT id, owner_id, hidden_reason, display_name AS name, given_name IS NOT NULL AS renamed FROM models WHERE id = ?1
