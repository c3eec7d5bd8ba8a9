-- When the next guess at subject ?1 is free: at once after fewer than ?2 failures; then after a delay of 1 s, doubling up
-- to ?3 ms.
SELECT last_at + CASE WHEN failures < ?2 THEN 0 ELSE min(?3, 1000 << min(failures - ?2, 20)) END AS free_at
FROM guesses WHERE subject = ?1
