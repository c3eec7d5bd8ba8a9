-- Keeps what was counted of key ?1 in hour ?2: allowed ?3, limited ?4, denied ?5, the last use ?6, whether it is unsaved ?7.
INSERT OR REPLACE INTO uses (key_id, start, allowed, limited, denied, last_used, unsaved)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
