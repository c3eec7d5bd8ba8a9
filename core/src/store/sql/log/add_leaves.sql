-- Adds leaves.
-- ?1 a JSON array of [index, snapshot's place, moderation's place, change, canonical JSON]
INSERT INTO log_leaves (idx, seq, act, change_id, leaf)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4
FROM json_each(?1)
