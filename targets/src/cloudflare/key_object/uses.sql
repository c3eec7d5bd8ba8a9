-- Lists what was counted, by key and hour.
SELECT key_id, start, allowed, limited, denied, last_used, unsaved FROM uses ORDER BY key_id, start
