-- Lists leaves of the log in their order.
-- ?1 the first, ?2 rows
SELECT idx, leaf FROM log_leaves WHERE idx >= ?1 ORDER BY idx LIMIT CAST(?2 AS INTEGER)
