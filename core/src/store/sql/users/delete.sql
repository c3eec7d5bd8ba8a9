-- Deletes person ?1, and with them everything that refers to them. What they published stays, without an owner.
DELETE FROM users WHERE id = ?1
