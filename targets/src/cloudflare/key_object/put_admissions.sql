-- Keeps admissions: the time of the last ?1 and of the first ?2, and all of them ?3.
INSERT OR REPLACE INTO admissions (last, first, some) VALUES (?1, ?2, ?3)
