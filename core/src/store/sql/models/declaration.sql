-- Finds who declared a model, and why an administrator hid it.
-- ?1 model
SELECT owner_id, hidden_reason FROM models WHERE id = ?1
