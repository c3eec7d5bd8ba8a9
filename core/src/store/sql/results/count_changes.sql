-- Counts the rows that the last statement to write has changed.
SELECT changes() AS changes
