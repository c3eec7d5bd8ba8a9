-- Adds recovery codes of person ?1, at ?3: ?2 is a JSON array of their hashes in hexadecimal.
INSERT INTO recovery_codes (user_id, hash, created_at)
SELECT ?1, unhex(value), ?3 FROM json_each(?2)
